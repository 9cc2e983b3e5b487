// The page of a job: how it stands, its log as it is written, the tests that failed, and the files that were kept.

import { home, problemOf } from "./asking.js";
import { lineOfTest } from "./failed-tests.js";
import { element } from "./line.js";
import { Terminal } from "./terminal.js";
import { View, byId, save } from "./view.js";
import { count, size } from "./words.js";

const REASONS = {
  exit_code: "the command ended", timeout: "ran longer than it may", cancelled: "was cancelled", lost: "its machine is gone",
  zip_rejected: "the zip is not safe to unpack", engine_error: "the sandbox did not start",
  out_of_memory: "used more memory than it may", log_limit: "wrote more log than it may", disk_limit: "filled its workspace",
  process_limit: "had more processes than it may",
};
const LOOK_WAITING = 3000;
const LOOK_RUNNING = 10_000;

const id = location.pathname.split("/").at(-2);
const path = `${home}jobs/${encodeURIComponent(id)}`;
const view = new View(id.slice(0, 8));
const terminal = new Terminal();
const reading = {};
let job = null;
let attempt = null;
// A piece without a place is sent again where the connection broke behind it.
let unplaced = null;

view.open(async (api, signal) => {
  show(await api.json(path, { signal }));
  view.enter();
  links(api);
  const look = async () => show(await api.json(path, { signal }));
  void watch(look, signal);
  if (isOver()) void view.attempt(() => results(api, signal));
  await view.stream(api, `${path}/stream?from_beginning=true`, reading, (event) => take(event, look), signal);
  await look();
  await results(api, signal);
});

function isOver() {
  return job !== null && job.status !== "queued" && job.status !== "running";
}

async function watch(look, signal) {
  let pause = LOOK_WAITING;
  while (!isOver() && !signal.aborted) {
    await new Promise((resolve) => { setTimeout(resolve, pause); });
    try {
      pause = job.status === "queued" ? LOOK_WAITING : LOOK_RUNNING;
      if (!signal.aborted && !isOver()) await look();
    } catch (problem) {
      // The stream says what is wrong; here it is only asked less often.
      pause = Math.max(LOOK_RUNNING, (problem.retryAfter ?? 0) * 1000);
    }
  }
}

function show(told) {
  job = told;
  const tone = { queued: "waiting", running: "live", completed: job.success ? "good" : "bad", failed: "bad", cancelled: "off" }[job.status];
  const words = job.status === "completed" ? `completed: ${job.success ? "passed" : "not passed"}` : job.status;
  view.badge(words, tone);
  view.facts({
    "In the queue": job.queue_position === null ? null : `place ${job.queue_position}`,
    Waited: { since: job.created_at, until: job.start_time ?? job.end_time },
    Ran: job.start_time === null ? null : { since: job.start_time, until: job.end_time },
    Command: job.orders?.command === undefined ? null : { code: job.orders.command },
    "Exit code": job.exit_code,
    Reason: job.reason === null ? null : REASONS[job.reason] ?? job.reason,
    Attempt: job.attempt > 0 ? job.attempt : null,
    Priority: job.priority || null,
    Submitted: { at: job.created_at },
    Job: { code: job.job_id },
  });
}

function take(event, look) {
  const told = JSON.parse(event.data);
  if (told.type === "complete") return true;
  if (told.type !== "log") return false;
  if (event.id === null && told.data === unplaced) return false;
  unplaced = event.id === null ? told.data : null;
  if (job.status === "queued" && event.id !== null) void view.attempt(look);
  if (event.id !== null) turn(event.id.split("-")[0]);
  view.write(terminal, told.data);
  return false;
}

function turn(number) {
  if (attempt !== null && number !== attempt) view.note(`Attempt ${number}`);
  attempt = number;
}

function links(api) {
  byId("links").replaceChildren();
  view.link("JSON", () => view.json("The job as JSON", api, path));
  view.link("Download log", () => download(api));
}

// The log is read once more from its beginning, up to where this page is or the job ended, and never lies in a row of lines.
async function download(api) {
  const ending = new AbortController();
  const parts = [];
  const until = reading.last === null ? null : reading.last.split("-").map(Number);
  await view.replay(api, `${path}/stream?from_beginning=true`, (event) => {
    const told = JSON.parse(event.data);
    if (told.type === "log") parts.push(new Blob([told.data]));
    const [at, offset] = (event.id ?? "0-0").split("-").map(Number);
    return told.type === "complete" || (!isOver() && until !== null && (at > until[0] || (at === until[0] && offset >= until[1])));
  }, ending.signal);
  save(`${id}.log`, new Blob(parts, { type: "text/plain" }));
}

async function results(api, signal) {
  const kept = await api.json(`${path}/artifacts`, { signal });
  showFiles(api, kept);
  showTests(kept.junit);
}

function showTests(junit) {
  byId("failures").hidden = junit === null;
  if (junit === null) return;
  const wrong = junit.failures + junit.errors;
  byId("failures").dataset.tone = wrong ? "bad" : "good";
  byId("failures-title").textContent = wrong
    ? `${count(wrong, "test")} of ${junit.tests} did not pass`
    : `${count(junit.tests, "test")}, none failed${junit.skipped ? `, ${junit.skipped} skipped` : ""}`;
  byId("failures-list").replaceChildren(...junit.failed.map(failure));
}

function failure(test) {
  const item = element("li");
  const button = element("button", "failure");
  button.type = "button";
  button.append(element("strong", "", test.name), element("span", "where", test.classname), element("span", "why", test.message.split("\n", 1)[0]));
  button.addEventListener("click", () => {
    const line = lineOfTest(view.pane.rows(), test);
    if (line === null) view.notice(`The log, as far as it is shown here, does not name ${test.name}.`);
    else location.hash === `#L${line}` ? view.reveal(line) : location.assign(`#L${line}`);
  });
  item.append(button);
  return item;
}

function showFiles(api, { artifacts, left_out: leftOut }) {
  byId("files").hidden = artifacts.length === 0 && leftOut === 0;
  byId("files-title").textContent = count(artifacts.length, "artifact");
  const items = artifacts.map(({ name, kind, size_bytes: bytes }) => {
    const item = element("li");
    const button = element("button", "file");
    button.type = "button";
    button.append(element("strong", "", name), element("span", "where", kind === "file" ? size(bytes) : `${kind}, ${size(bytes)}`));
    button.addEventListener("click", () => void view.attempt(() => fetchFile(api, name)));
    item.append(button);
    return item;
  });
  if (leftOut) items.push(element("li", "where", `${count(leftOut, "file")} more could not be kept.`));
  byId("files-list").replaceChildren(...items);
}

async function fetchFile(api, name) {
  const response = await api.get(`${path}/artifacts/${encodeURIComponent(name)}`);
  if (!response.ok) throw await problemOf(response);
  save(name.split("/").at(-1), await response.blob());
}
