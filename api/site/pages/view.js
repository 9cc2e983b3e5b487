// What the pages have in common: the door that asks for a token, the head with its facts, the log and what is around it.

import { Api } from "./asking.js";
import { follow } from "./following.js";
import { element } from "./line.js";
import { LogPane } from "./pane.js";
import { Search } from "./search.js";
import { PLAIN } from "./terminal.js";
import { count, duration, instant } from "./words.js";

export const byId = (id) => document.getElementById(id);

export class View {
  #ticking = new Map();
  #live = new AbortController();
  #wantedLine = lineOf(location.hash);
  #streamWords = "";

  constructor(title) {
    this.title = title;
    byId("title").textContent = title;
    document.title = title;
    this.pane = new LogPane(byId("log"));
    this.search = new Search(this.pane, {
      query: byId("query"), next: byId("next"), previous: byId("previous"), only: byId("only"), found: byId("found"), box: byId("log"),
    });
    this.#connect();
    setInterval(() => this.#tick(), 1000);
  }

  // Asks for a token, and calls `show` with an API that speaks with it, until the page is left.
  open(show) {
    const door = byId("door");
    door.hidden = false;
    byId("token").focus();
    door.addEventListener("submit", (event) => {
      event.preventDefault();
      const token = byId("token").value.trim();
      byId("token").value = "";
      if (!/^[\x21-\x7e]+$/.test(token)) this.#wrong("That is no token.");
      else void this.#enter(new Api(token), show);
    });
  }

  async #enter(api, show) {
    this.#live.abort();
    this.#live = new AbortController();
    const { signal } = this.#live;
    byId("door-wrong").textContent = "";
    try {
      await show(api, signal);
    } catch (failure) {
      if (signal.aborted) return;
      if (failure.status === 401) this.#shut(failure.message);
      else if (byId("content").hidden) this.#wrong(failure.message);
      else this.notice(failure.message, "bad");
    }
  }

  #wrong(words) {
    byId("door-wrong").textContent = words;
  }

  #shut(words) {
    this.#live.abort();
    byId("door").hidden = false;
    this.#wrong(words);
    byId("token").focus();
  }

  // The token was good: the door closes, the log opens.
  enter() {
    byId("door").hidden = true;
    for (const id of ["content", "links", "facts", "badge"]) byId(id).hidden = false;
    byId("log").focus({ preventScroll: true });
  }

  badge(words, tone) {
    const badge = byId("badge");
    if (badge.textContent === words && badge.dataset.tone === tone) return;
    badge.textContent = words;
    badge.dataset.tone = tone;
    document.title = `${words} · ${this.title}`;
  }

  // Shows facts by their names; those without a value are left out. {since} ticks until there is an {until}.
  facts(facts) {
    this.#ticking.clear();
    const parts = [];
    for (const [name, value] of Object.entries(facts)) {
      if (value === null || value === undefined) continue;
      const shown = element("dd");
      const box = element("div");
      box.append(element("dt", "", name), shown);
      parts.push(box);
      if (typeof value !== "object") shown.textContent = String(value);
      else if (value.at) shown.textContent = instant(value.at);
      else if (value.code) shown.append(element("code", "", value.code));
      else {
        const show = () => { shown.textContent = duration((value.until ? Date.parse(value.until) : Date.now()) - Date.parse(value.since)); };
        show();
        if (!value.until) this.#ticking.set(name, show);
      }
    }
    byId("facts").replaceChildren(...parts);
  }

  notice(words, tone = "plain") {
    const notice = byId("notice");
    if (notice.textContent !== words) notice.textContent = words;
    notice.dataset.tone = tone;
    notice.hidden = words === "";
  }

  link(words, act) {
    const button = element("button", "", words);
    button.type = "button";
    button.addEventListener("click", async () => {
      button.disabled = true;
      await this.attempt(act);
      button.disabled = false;
    });
    byId("links").append(button);
  }

  // Does something for the reader; what goes wrong is said.
  async attempt(act) {
    try {
      await act();
    } catch (failure) {
      this.notice(failure.message, "bad");
    }
  }

  // Shows a text above the page.
  sheet(title, text, mark = () => "") {
    byId("sheet-title").textContent = title;
    const lines = text.split("\n").map((line) => element("span", mark(line), `${line}\n`));
    byId("sheet-text").replaceChildren(...lines);
    byId("sheet").showModal();
  }

  async json(title, api, path) {
    this.sheet(title, JSON.stringify(await api.json(path), null, 2));
  }

  // Writes what a program printed, in pieces of any size, to the log.
  write(terminal, text, more = {}) {
    this.pane.add(terminal.feed(text).map((line) => ({ ...line, ...more })));
    this.pane.showOpen(terminal.open && { ...terminal.open, ...more });
  }

  note(words) {
    this.pane.add([{ spans: [{ text: words, style: PLAIN }], left: 0, note: true }]);
  }

  // Follows a stream, saying how it stands.
  async stream(api, path, reading, onEvent, signal) {
    await follow(api, path, reading, { onEvent, signal, onState: (state) => this.#connection(state) });
    this.#connection({ live: true });
  }

  // Reads a stream once more, from its beginning.
  async replay(api, path, onEvent, signal) {
    this.notice("Reading the log …");
    await follow(api, path, {}, { onEvent, signal, onState: (state) => { if (!state.live) this.#connection(state); } });
    this.notice("");
  }

  #connection({ live, seconds, problem }) {
    const words = live ? "" : `${problem?.message ?? "The connection ended."} Reconnecting in ${seconds} s …`;
    if (live && byId("notice").textContent !== this.#streamWords) return;
    this.#streamWords = words;
    this.notice(words, "warn");
  }

  #tick() {
    for (const show of this.#ticking.values()) show();
  }

  #connect() {
    const log = byId("log");
    this.pane.addEventListener("following", () => byId("follow").setAttribute("aria-pressed", String(this.pane.following)));
    this.pane.addEventListener("drawn", () => this.#drawn());
    byId("follow").addEventListener("click", () => { this.pane.following = !this.pane.following; });
    byId("wrap").addEventListener("change", (event) => log.classList.toggle("wrapped", event.target.checked));
    addEventListener("hashchange", () => this.reveal(lineOf(location.hash)));
    addEventListener("keydown", (event) => this.#key(event));
    log.addEventListener("keydown", (event) => { if (event.key === "End") this.pane.toEnd(); });
    if (this.#wantedLine) this.pane.following = false;
  }

  reveal(number) {
    if (number && !this.pane.reveal(number)) this.notice(`Line ${number} is not here.`);
  }

  #drawn() {
    const { first, total } = this.pane;
    byId("size").textContent = count(total, "line");
    byId("earlier").hidden = first <= 1;
    byId("earlier").textContent = `The ${count(first - 1, "line")} before are not shown, to spare your browser; the log can be read whole by its download.`;
    if (this.#wantedLine && total >= this.#wantedLine && this.pane.reveal(this.#wantedLine)) this.#wantedLine = null;
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches?.("input, textarea") || byId("content").hidden) return;
    if (event.key === "/") {
      event.preventDefault();
      byId("query").focus();
    } else if (event.key === "f") this.pane.following = !this.pane.following;
  }
}

// The number of the line that an address names; null where it names none.
export function lineOf(hash) {
  const found = /^#L([1-9]\d{0,11})$/.exec(hash);
  return found ? Number(found[1]) : null;
}

// Hands the reader a file.
export function save(name, blob) {
  const link = element("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
