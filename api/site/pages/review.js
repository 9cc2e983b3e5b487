// The review page by keyboard. Whatever a key does, a button on the page does too.

function current() {
  return document.activeElement?.closest("[data-proposal]") ?? null;
}

function move(step) {
  const proposals = [...document.querySelectorAll("[data-proposal]")];
  const at = proposals.indexOf(current());
  const next = at < 0 ? (step > 0 ? 0 : proposals.length - 1) : at + step;
  proposals[Math.min(Math.max(next, 0), proposals.length - 1)]?.focus();
}

function press(where, key) {
  where?.querySelector(`button[data-key="${key}"]`)?.click();
}

const keys = {
  j: () => move(1),
  k: () => move(-1),
  a: () => press(current(), "a"),
  r: () => press(current(), "r"),
  u: () => press(document, "u"),
  "?": () => {
    const help = document.getElementById("keys");
    help.open = !help.open;
  },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.target.closest("input, textarea, select")) return;
  const act = Object.hasOwn(keys, event.key) ? keys[event.key] : null;
  if (!act) return;
  event.preventDefault();
  act();
});
