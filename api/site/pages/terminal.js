// Turns what a program printed into lines of styled text. Of all that a terminal would obey, only colours and the
// return to a line's beginning are; every other sequence is left out, and nothing is ever turned into a link.

export const LONGEST_LINE = 8192;
export const MOST_SPANS = 512;
const LONGEST_SEQUENCE = 4096;

export const PLAIN = Object.freeze({
  fg: null, bg: null, bold: false, dim: false, italic: false, underline: false, inverse: false, strike: false,
});

const CONTROL = /[\x00-\x08\x0a-\x1f\x7f-\x9f]/g;
const CSI = /\x1b\[([0-?]*)[ -/]*([@-~])/y;
const OPEN_CSI = /\x1b\[[0-?]*[ -/]*$/y;
const STRING = /\x1b[\]PX^_][^\n\x07\x1b]*(?:\x07|\x1b\\)/y;
const OPEN_STRING = /\x1b[\]PX^_][^\n\x07\x1b]*\x1b?$/y;
const SHORT = /\x1b[ -/]*[0-~]/y;
const OPEN_SHORT = /\x1b[ -/]*$/y;
const STEPS = [0, 95, 135, 175, 215, 255];

const SWITCHES = {
  1: { bold: true }, 2: { dim: true }, 3: { italic: true }, 4: { underline: true }, 7: { inverse: true }, 9: { strike: true },
  21: { underline: true }, 22: { bold: false, dim: false }, 23: { italic: false }, 24: { underline: false }, 27: { inverse: false },
  29: { strike: false }, 39: { fg: null }, 49: { bg: null },
};

// The colour with this number of 256: one of the sixteen of the page's own palette as a number, else as rgb().
export function paletteColour(number) {
  if (!(number >= 0 && number <= 255)) return null;
  if (number < 16) return number;
  if (number >= 232) return rgb(...Array(3).fill(8 + 10 * (number - 232)));
  const place = number - 16;
  return rgb(STEPS[Math.floor(place / 36)], STEPS[Math.floor(place / 6) % 6], STEPS[place % 6]);
}

function rgb(...parts) {
  return parts.every((part) => part >= 0 && part <= 255) ? `rgb(${parts.join(", ")})` : null;
}

// The style after a sequence with these parameters, as they stand between "ESC [" and "m".
export function restyle(style, parameters) {
  let next = style;
  const numbers = parameters.replace(/:/g, ";").split(";");
  // With colons, a colour's name of a colour space, mostly empty, stands before its parts.
  const spaced = /(?:38|48):2:\d*:\d+:\d+:\d+/.test(parameters);
  for (let at = 0; at < numbers.length; at += 1) {
    const code = Number(numbers[at]);
    if (code === 0) next = PLAIN;
    else if (code in SWITCHES) next = { ...next, ...SWITCHES[code] };
    else if (code === 38 || code === 48) {
      const wide = numbers[at + 1] === "2";
      const from = at + 2 + (wide && spaced ? 1 : 0);
      const colour = wide ? rgb(...numbers.slice(from, from + 3).map(Number)) : paletteColour(Number(numbers[from]));
      next = { ...next, [code === 38 ? "fg" : "bg"]: colour };
      at = wide ? from + 2 : from;
    } else if (code >= 30 && code <= 37) next = { ...next, fg: code - 30 };
    else if (code >= 40 && code <= 47) next = { ...next, bg: code - 40 };
    else if (code >= 90 && code <= 97) next = { ...next, fg: code - 82 };
    else if (code >= 100 && code <= 107) next = { ...next, bg: code - 92 };
  }
  return next;
}

// What is to be seen of a line that was written over another: the rest of the longer one stays.
function overlay(over, length, under) {
  let passed = 0;
  const rest = [];
  for (const span of under) {
    if (passed >= length) rest.push(span);
    else if (passed + span.text.length > length) rest.push({ ...span, text: span.text.slice(length - passed) });
    passed += span.text.length;
  }
  return [...over, ...rest].slice(0, 2 * MOST_SPANS);
}

// A line of text that is still being written to. `feed` takes the next text, in pieces of any size, and gives the lines it ended.
export class Terminal {
  #style = PLAIN;
  #over = [];
  #length = 0;
  #under = [];
  #left = 0;
  #kept = "";

  feed(text) {
    const lines = [];
    const whole = this.#kept + text;
    this.#kept = "";
    let at = 0;
    while (at < whole.length) {
      CONTROL.lastIndex = at;
      const end = CONTROL.exec(whole)?.index ?? whole.length;
      if (end > at) this.#write(whole.slice(at, end));
      if (end === whole.length) break;
      at = this.#obey(whole, end, lines);
    }
    return lines;
  }

  // The line that has not ended yet; null where it is empty.
  get open() {
    const line = this.#line();
    return line.spans.length ? line : null;
  }

  #write(text) {
    const room = LONGEST_LINE - this.#length;
    this.#left += Math.max(0, text.length - Math.max(0, room));
    if (room <= 0) return;
    const piece = text.slice(0, room);
    const last = this.#over.at(-1);
    if (last && (last.style === this.#style || this.#over.length >= MOST_SPANS)) last.text += piece;
    else this.#over.push({ text: piece, style: this.#style });
    this.#length += piece.length;
  }

  #line() {
    return { spans: overlay(this.#over, this.#length, this.#under), left: this.#left };
  }

  #return() {
    if (this.#length) this.#under = this.#line().spans;
    this.#over = [];
    this.#length = 0;
  }

  // Obeys the control character at a place; gives the place behind it.
  #obey(text, at, lines) {
    const character = text[at];
    if (character === "\n") {
      lines.push(this.#line());
      this.#over = [];
      this.#under = [];
      this.#length = this.#left = 0;
    } else if (character === "\r") this.#return();
    else if (character === "\x1b") return this.#sequence(text, at);
    return at + 1;
  }

  #sequence(text, at) {
    const found = match(CSI, text, at);
    if (found) {
      this.#control(found[1], found[2]);
      return at + found[0].length;
    }
    const skipped = match(STRING, text, at) ?? (/[[\]PX^_]/.test(text[at + 1] ?? "") ? null : match(SHORT, text, at));
    if (skipped) return at + skipped[0].length;
    const isOpen = [OPEN_CSI, OPEN_STRING, OPEN_SHORT].some((open) => match(open, text, at));
    if (isOpen && text.length - at < LONGEST_SEQUENCE) {
      this.#kept = text.slice(at);
      return text.length;
    }
    // A sequence that never ends hides nothing: its beginning is dropped, and the rest is text.
    return at + (/[[\]PX^_]/.test(text[at + 1] ?? "") ? 2 : 1);
  }

  #control(parameters, name) {
    if (name === "m" && !/[<=>?]/.test(parameters)) this.#style = restyle(this.#style, parameters);
    else if (name === "G" && Number(parameters || 1) === 1) this.#return();
    else if (name === "K" && parameters !== "1") {
      if (parameters === "2") this.#return();
      this.#under = [];
    }
  }
}

function match(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.exec(text);
}
