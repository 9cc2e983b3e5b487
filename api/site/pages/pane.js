// The pane of the log: keeps a window of the newest lines, shows them in batches, and stays at the end while the reader wants that.

import { row } from "./line.js";

export const MOST_LINES = 50_000;
export const MOST_CHARACTERS = 24_000_000;
const BLOCK = 200;
const FRAME = 12;
const NEAR = 32;
const UPWARDS = new Set(["ArrowUp", "PageUp", "Home"]);

export class LogPane extends EventTarget {
  #box;
  #blocks = [];
  #pending = [];
  #open = { line: null, row: null, changed: false };
  #numbered = 0;
  #kept = 0;
  #characters = 0;
  #isDue = false;
  #following = true;
  #top = 0;
  #target = null;
  // Blocks that were never seen have a guessed height; when it turns out otherwise, the end is somewhere else.
  #heights = new ResizeObserver(() => this.#stay());

  constructor(box) {
    super();
    this.#box = box;
    box.addEventListener("wheel", (event) => { if (event.deltaY < 0) this.#leave(); }, { passive: true });
    box.addEventListener("keydown", (event) => { if (UPWARDS.has(event.key)) this.#leave(); });
    box.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#heights.observe(box);
  }

  get following() {
    return this.#following;
  }

  set following(wanted) {
    if (this.#following === wanted) return;
    this.#following = wanted;
    this.#stay();
    this.dispatchEvent(new Event("following"));
  }

  // How many lines there were in all, and the number of the first that is still here.
  get total() {
    return this.#numbered;
  }

  get first() {
    return this.#numbered - this.#kept - this.#pending.length + 1;
  }

  // Adds whole lines; a note among them has no number.
  add(lines) {
    for (const line of lines) this.#pending.push(line);
    this.#numbered += lines.length;
    if (this.#pending.length > MOST_LINES) {
      // Nobody could read what came in this frame and is out of the window already.
      this.#pending.splice(0, this.#pending.length - MOST_LINES);
      this.#clear();
    }
    this.#schedule();
  }

  // Shows the line that is still being written; null where there is none.
  showOpen(line) {
    this.#open.line = line;
    this.#open.changed = true;
    this.#schedule();
  }

  // The lines that are here: their numbers, rows and texts, in order.
  *rows() {
    for (const block of this.#blocks) yield* block.lines;
  }

  // Brings a line into view; false where it is not here.
  reveal(number) {
    const found = this.#find(number);
    if (!found) return false;
    this.following = false;
    this.#target?.classList.remove("target");
    this.#target = found.row;
    found.row.classList.add("target");
    this.#center(found.row);
    // The heights around it were guessed, and are right only now.
    requestAnimationFrame(() => this.#center(found.row));
    return true;
  }

  #center(line) {
    line.scrollIntoView({ block: "center" });
    this.#moved();
  }

  toEnd() {
    this.following = true;
    this.#stay();
  }

  #find(number) {
    for (const block of this.#blocks) {
      const last = block.lines.at(-1);
      if (last && last.number >= number) return block.lines.find((line) => line.number === number) ?? null;
    }
    return null;
  }

  #schedule() {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#isDue = false;
    const until = performance.now() + FRAME;
    const drawn = [];
    let number = this.#numbered - this.#pending.length;
    while (drawn.length < this.#pending.length && (drawn.length % 50 || performance.now() < until)) {
      const line = this.#pending[drawn.length];
      number += 1;
      drawn.push(this.#append(number, line));
    }
    this.#pending.splice(0, drawn.length);
    this.#drawOpen();
    this.#trim();
    this.#stay();
    this.dispatchEvent(new CustomEvent("drawn", { detail: { lines: drawn, waiting: this.#pending.length } }));
    if (this.#pending.length) this.#schedule();
    else requestAnimationFrame(() => this.#stay());
  }

  #append(number, line) {
    let block = this.#blocks.at(-1);
    if (!block || block.lines.length >= BLOCK) {
      block = { box: document.createElement("div"), lines: [], characters: 0 };
      block.box.className = "block";
      this.#blocks.push(block);
      this.#box.append(block.box);
      this.#heights.observe(block.box);
    }
    const text = line.spans.map((span) => span.text).join("");
    const entry = { number, text, row: row(line.note ? null : number, line) };
    block.lines.push(entry);
    block.box.append(entry.row);
    block.characters += text.length;
    this.#characters += text.length;
    this.#kept += 1;
    return entry;
  }

  #drawOpen() {
    if (!this.#open.changed && !this.#open.row) return;
    this.#open.row?.remove();
    this.#open.row = this.#open.line && row(null, this.#open.line);
    this.#open.changed = false;
    if (!this.#open.row) return;
    this.#open.row.classList.add("open");
    this.#box.append(this.#open.row);
  }

  #trim() {
    while (this.#blocks.length > 1 && (this.#kept > MOST_LINES || this.#characters > MOST_CHARACTERS)) this.#drop(this.#blocks.shift());
  }

  #clear() {
    for (const block of this.#blocks.splice(0)) this.#drop(block);
  }

  #drop(block) {
    this.#heights.unobserve(block.box);
    block.box.remove();
    this.#kept -= block.lines.length;
    this.#characters -= block.characters;
  }

  #stay() {
    if (!this.#following) return;
    this.#box.scrollTop = this.#box.scrollHeight;
    this.#moved();
  }

  #moved() {
    this.#top = this.#box.scrollTop;
  }

  // The way up ends following, the way down to the end begins it again; the pane's own scrolling is not looked at.
  #scrolled() {
    const [before, now] = [this.#top, this.#box.scrollTop];
    this.#moved();
    const isAtEnd = this.#box.scrollHeight - now - this.#box.clientHeight < NEAR;
    if (now < before && !isAtEnd) this.following = false;
    if (now > before && isAtEnd) this.following = true;
  }

  // A wheel or a key is heard before anything moves, and before new lines could hold the reader back.
  #leave() {
    if (this.#box.scrollHeight > this.#box.clientHeight) this.following = false;
  }
}
