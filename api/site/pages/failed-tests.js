// Where in a log a failed test is told of.

// The line of a test, among lines {number, text}: the heading that pytest gives to its failure, else where it is said to have
// failed, else where it is named last; null where it is not named.
export function lineOfTest(lines, { name, classname }) {
  const headings = new Set([name, `${classname.split(".").at(-1)}.${name}`]);
  const whole = new RegExp(`(?<!\\w)${name.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&")}(?![\\w[])`);
  let [heading, said, named] = [null, null, null];
  for (const { number, text } of lines) {
    if (!text.includes(name) || !whole.test(text)) continue;
    named = number;
    if (/\b(?:FAILED|ERROR)\b/.test(text)) said ??= number;
    if (/^_+ .+ _+$/.test(text) && headings.has(text.replace(/^_+ (?:ERROR at \w+ of )?| _+$/g, ""))) heading = number;
  }
  return heading ?? said ?? named;
}
