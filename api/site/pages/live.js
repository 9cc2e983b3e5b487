// Looks again at a page that moves by itself, and puts what is new in its place. Where the page says no pause, it stands still.

const LONGEST_PAUSE = 60_000;
const main = document.getElementById("main");
let pause = 0;

// The page as it is now; null where another page answers, or nobody.
function look() {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("GET", location.pathname + location.search);
    request.responseType = "document";
    request.addEventListener("loadend", () => {
      const found = request.status === 200 && new URL(request.responseURL).pathname === location.pathname ? request.response : null;
      resolve(found?.getElementById("main") ? found : null);
    });
    request.send();
  });
}

function isChanged(field) {
  if (field.localName !== "select") return field.value !== field.defaultValue;
  return field.selectedIndex !== Math.max(0, [...field.options].findIndex((each) => each.defaultSelected));
}

// Nothing is taken away from somebody who is writing, choosing or marking something.
function isBusy() {
  return document.hidden || !getSelection().isCollapsed || [...main.querySelectorAll("input, select, textarea")].some(isChanged)
    || main.contains(document.activeElement?.closest("input, textarea, select"));
}

function focusable() {
  return [...main.querySelectorAll("a, button, summary, input, [tabindex]")];
}

function put(fresh) {
  const open = [...main.querySelectorAll("details")].map((each) => each.open);
  const place = focusable().indexOf(document.activeElement);
  const address = document.activeElement?.getAttribute("href");
  const title = main.querySelector("h1")?.textContent;
  main.replaceChildren(...[...fresh.childNodes].map((node) => document.importNode(node, true)));
  const details = [...main.querySelectorAll("details")];
  if (details.length === open.length) details.forEach((each, index) => { each.open = open[index]; });
  if (place >= 0) (focusable().find((each) => address && each.getAttribute("href") === address) ?? focusable()[place])?.focus({ preventScroll: true });
  const now = main.querySelector("h1")?.textContent;
  if (now !== title) document.getElementById("news").textContent = now;
}

async function again() {
  const wanted = Number(main.dataset.pause) * 1000;
  if (!wanted) return;
  await new Promise((resolve) => { setTimeout(resolve, Math.max(wanted, pause)); });
  if (!isBusy()) {
    const found = await look();
    pause = found ? 0 : Math.min(LONGEST_PAUSE, 2 * Math.max(wanted, pause));
    if (found && !isBusy()) {
      const fresh = found.getElementById("main");
      main.dataset.pause = fresh.dataset.pause;
      if (!fresh.isEqualNode(main)) put(fresh);
      document.title = found.title;
    }
  }
  void again();
}

void again();
