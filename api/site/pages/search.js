// Searches the lines of a pane: counts the matches, leads from one to the next, shows only the lines that have one.

const MOST_MARKS = 2000;
const PAUSE = 120;

export class Search {
  #pane;
  #parts;
  #wanted = "";
  #hits = [];
  #current = -1;
  #timer = null;

  constructor(pane, parts) {
    this.#pane = pane;
    this.#parts = parts;
    parts.query.addEventListener("input", () => this.#later());
    parts.query.addEventListener("keydown", (event) => this.#key(event));
    parts.next.addEventListener("click", () => this.step(1));
    parts.previous.addEventListener("click", () => this.step(-1));
    parts.only.addEventListener("change", () => this.#narrow());
    pane.addEventListener("drawn", (event) => this.#look(event.detail.lines));
  }

  step(by) {
    this.#hits = this.#hits.filter((line) => line.row.isConnected);
    if (!this.#hits.length) return;
    this.#hits[this.#current]?.row.classList.remove("current");
    this.#current = (this.#current + by + this.#hits.length) % this.#hits.length;
    const line = this.#hits[this.#current];
    line.row.classList.add("current");
    this.#pane.reveal(line.number);
    this.#tell();
  }

  #later() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#start(), PAUSE);
  }

  #key(event) {
    if (event.key === "Enter") {
      event.preventDefault();
      clearTimeout(this.#timer);
      if (this.#parts.query.value.toLowerCase() !== this.#wanted) this.#start();
      this.step(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape") {
      this.#parts.query.value = "";
      this.#start();
    }
  }

  #start() {
    for (const line of this.#hits) line.row.classList.remove("hit", "current");
    this.#wanted = this.#parts.query.value.toLowerCase();
    this.#hits = [];
    this.#current = -1;
    this.#look(this.#pane.rows());
    this.#narrow();
    this.#tell();
  }

  #look(lines) {
    if (this.#wanted === "") {
      this.#mark();
      return;
    }
    let found = 0;
    for (const line of lines) {
      if (!line.text.toLowerCase().includes(this.#wanted)) continue;
      line.row.classList.add("hit");
      this.#hits.push(line);
      found += 1;
    }
    if (found === 0) return;
    this.#mark();
    this.#tell();
  }

  #narrow() {
    this.#parts.box.classList.toggle("only", this.#parts.only.checked && this.#wanted !== "");
  }

  #tell() {
    const count = this.#hits.length.toLocaleString("en");
    const place = this.#current < 0 ? "" : `${(this.#current + 1).toLocaleString("en")} of `;
    this.#parts.found.textContent = this.#wanted === "" ? "" : this.#hits.length ? `${place}${count}` : "none";
  }

  // The matches themselves are marked beside the document, so that nothing of the lines is changed; the newest ones, if there are many.
  #mark() {
    if (!globalThis.CSS?.highlights) return;
    CSS.highlights.delete("found");
    if (this.#wanted === "") return;
    const ranges = this.#hits.slice(-MOST_MARKS).flatMap((line) => rangesOf(line.row.querySelector(".text"), this.#wanted));
    CSS.highlights.set("found", new Highlight(...ranges.slice(-MOST_MARKS)));
  }
}

function rangesOf(box, wanted) {
  const nodes = [];
  const walker = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
  let length = 0;
  while (walker.nextNode()) {
    nodes.push({ node: walker.currentNode, start: length });
    length += walker.currentNode.length;
  }
  const text = box.textContent.toLowerCase();
  const ranges = [];
  // Where lower case is longer than what was written, places in one are none in the other.
  if (text.length !== length) return ranges;
  for (let at = text.indexOf(wanted); at >= 0 && ranges.length < 100; at = text.indexOf(wanted, at + wanted.length)) {
    const range = new Range();
    range.setStart(...placeIn(nodes, at, false));
    range.setEnd(...placeIn(nodes, at + wanted.length, true));
    ranges.push(range);
  }
  return ranges;
}

function placeIn(nodes, at, isEnd) {
  const found = nodes.findLast(({ start }) => (isEnd ? start < at : start <= at));
  return [found.node, at - found.start];
}
