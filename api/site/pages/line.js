// Makes a line of the log to be seen. All text becomes text nodes, and styles go through the object model, as the page's policy demands.

const FLAGS = ["bold", "dim", "italic", "underline", "inverse", "strike"];

export function row(number, { spans, left, level = null, time = null, note = false }) {
  const made = element("div", note ? "row note" : "row");
  if (level !== null) made.dataset.level = level;
  if (number !== null) made.append(numberOf(number));
  if (time !== null) made.append(timeOf(time));
  const text = element("span", "text");
  for (const span of spans) text.append(pieceOf(span));
  if (left > 0) text.append(element("span", "left", ` … ${left.toLocaleString("en")} more characters`));
  made.append(text);
  return made;
}

export function element(name, className = "", text = null) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== null) made.textContent = text;
  return made;
}

function numberOf(number) {
  const link = element("a", "number", String(number));
  link.href = `#L${number}`;
  link.id = `L${number}`;
  // The numbers of fifty thousand lines would be as many stops of the tab key.
  link.tabIndex = -1;
  link.setAttribute("aria-label", `Line ${number}`);
  return link;
}

function timeOf(time) {
  const made = element("time", "time", time.slice(11, 19));
  made.dateTime = time;
  made.title = time;
  return made;
}

function pieceOf({ text, style }) {
  const names = FLAGS.filter((flag) => style[flag]);
  if (!names.length && style.fg === null && style.bg === null) return document.createTextNode(text);
  const made = element("span", names.join(" "), text);
  paint(made, "fg", style.fg);
  paint(made, "bg", style.bg);
  return made;
}

function paint(made, ground, colour) {
  if (colour === null) return;
  made.dataset[ground] = typeof colour === "number" ? String(colour) : "rgb";
  made.style.setProperty(`--${ground}`, typeof colour === "number" ? `var(--colour-${colour})` : colour);
}
