// The page of a regression run: how it stands, its counts, what failed and how, and its log as it is written.

import { home, problemOf } from "./asking.js";
import { element } from "./line.js";
import { Terminal } from "./terminal.js";
import { View, byId } from "./view.js";
import { count, size } from "./words.js";

const TONES = { queued: "waiting", running: "live", pass: "good", fail: "bad", error: "bad", incomplete: "bad", canceled: "off" };
const COUNTS = [["pass_count", "passed", "good"], ["fail_count", "failed", "bad"], ["missing_output_count", "without output", "bad"],
  ["skipped_count", "skipped", "off"], ["pending_count", "to come", "waiting"]];
const MARKS = { "+": "added", "-": "removed", "@": "hunk", "#": "fact" };
const SINCE = { passing: "passes in the base", failing_same: "fails in the base too", failing_differently: "fails otherwise in the base" };
const STAMP = /^\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z\] /;
const WAIT = 10;
const LEAST_PAUSE = 1500;

const id = location.pathname.split("/").at(-2);
const path = `${home}api/v1/runs/${encodeURIComponent(id)}`;
const view = new View(`Run ${id}`);
const terminal = new Terminal();
const reading = {};
let run = null;
let failing = null;
let goesOn = false;

view.open(async (api, signal) => {
  show(await api.json(path, { signal }));
  view.enter();
  links(api);
  void watch(api, signal);
  await view.stream(api, `${path}/logs/stream`, reading, take, signal);
});

function isOver() {
  return run.status !== "queued" && run.status !== "running";
}

// Asks for the run until it is over. The server answers when something changed.
async function watch(api, signal) {
  let pause = 0;
  for (;;) {
    await new Promise((resolve) => { setTimeout(resolve, pause); });
    if (signal.aborted) return;
    try {
      const wasOver = isOver();
      await results(api, signal);
      if (wasOver) {
        await files(api, signal);
        return;
      }
      show(await api.json(`${path}?wait=${WAIT}`, { signal }));
      pause = isOver() ? 0 : LEAST_PAUSE;
    } catch (problem) {
      if (signal.aborted) return;
      if (problem.passes === false) view.notice(problem.message, "bad");
      if (problem.passes === false) return;
      pause = Math.max(5000, (problem.retryAfter ?? 0) * 1000);
    }
  }
}

function show(told) {
  run = told;
  view.badge(run.status, TONES[run.status] ?? "off");
  view.facts({
    Repository: run.repository,
    Branch: run.branch ?? null,
    Commit: { code: run.commit_short ?? run.commit_sha.slice(0, 8) },
    "Pull request": run.pull_request ? `#${run.pull_request}` : null,
    Platform: run.platform,
    Waited: { since: run.queued_at ?? run.created_at, until: run.started_at ?? run.completed_at },
    Ran: run.started_at ? { since: run.started_at, until: run.completed_at } : null,
    "Triggered by": run.triggered_by ?? null,
    Reason: run.reason ?? null,
    "Made from run": run.source_run_id ?? null,
    "Replaced by": run.replaced_by ?? null,
  });
}

function take(event) {
  const told = JSON.parse(event.data);
  if (event.event === "end") return true;
  // The time that a line begins with has a column of its own.
  const message = goesOn ? told.message : told.message.replace(STAMP, "");
  goesOn = told.continued ?? false;
  view.write(terminal, message + (goesOn ? "" : "\n"), { level: told.level, time: told.timestamp });
  return false;
}

function links(api) {
  byId("links").replaceChildren();
  view.link("JSON", () => view.json("The run as JSON", api, path));
  view.link("Triage", () => view.json("The triage as JSON", api, `${path}/triage`));
}

async function results(api, signal) {
  const summary = await api.json(`${path}/summary`, { signal });
  showCounts(summary);
  const wrong = [summary.fail_count, summary.missing_output_count, summary.infrastructure_error_count, summary.status].join();
  if (wrong === failing) return;
  showTriage(api, await api.json(`${path}/triage`, { signal }));
  failing = wrong;
}

function showCounts(summary) {
  const bar = element("div", "bar-of-counts");
  const words = element("ul");
  for (const [name, word, tone] of COUNTS) {
    const number = summary[name] ?? 0;
    if (number === 0) continue;
    const part = element("span");
    part.dataset.tone = tone;
    part.style.flexGrow = String(number);
    bar.append(part);
    const item = element("li", "", ` ${word}`);
    item.dataset.tone = tone;
    item.prepend(element("strong", "", number.toLocaleString("en")));
    words.append(item);
  }
  bar.setAttribute("aria-hidden", "true");
  byId("counts").replaceChildren(bar, words);
  byId("counts").hidden = words.children.length === 0;
}

function showTriage(api, triage) {
  const { failures, infrastructure_errors: around, failure_count: failed, omitted_count: omitted } = triage;
  const words = [failed ? `${count(failed, "test")} did not pass` : "", around.length ? `${count(triage.infrastructure_error_count, "fault")} of the machinery` : ""];
  byId("failures").hidden = failed === 0 && around.length === 0;
  byId("failures").dataset.tone = "bad";
  byId("failures-title").textContent = words.filter(Boolean).join(", ");
  const items = [...around.map(infrastructureError), ...failures.map((test) => failure(api, test))];
  if (omitted) items.push(element("li", "where", `${count(omitted, "test")} more: see the triage.`));
  byId("failures-list").replaceChildren(...items);
}

function infrastructureError({ type, code, message }) {
  const item = element("li", "infrastructure-error");
  item.append(element("strong", "", type), ...(code ? [element("code", "code", code)] : []), element("span", "why", message));
  return item;
}

function failure(api, test) {
  const item = element("li");
  const link = element("a", "failure");
  link.href = new URL(test.next, new URL(`${path}/triage`, location.href));
  link.append(
    element("strong", "", `Test ${test.regression_id}`), element("code", "code", test.code),
    element("span", "where", [test.category, `sample ${test.sample_id}`, test.command, SINCE[test.in_base]].filter(Boolean).join(" · ")));
  const first = test.first_difference;
  if (first) link.append(element("span", "why", `line ${first.line}: ${difference(first)}`));
  link.addEventListener("click", (event) => {
    event.preventDefault();
    void view.attempt(() => showNext(api, link.getAttribute("href"), `Test ${test.regression_id}, sample ${test.sample_id}`));
  });
  item.append(link);
  return item;
}

function difference({ actual, expected, no_newline: lacks, bom }) {
  if (bom && actual?.replace(/^\ufeff/, "") === expected?.replace(/^\ufeff/, "")) return `a byte order mark in ${bom === "actual" ? "the output" : "the baseline"} alone`;
  if (lacks) return lacks === "actual" ? `no newline after ${actual}` : `a newline after ${expected}`;
  return `${actual ?? "(end)"} instead of ${expected ?? "(end)"}`;
}

async function showNext(api, address, title) {
  const response = await api.get(address);
  if (!response.ok) throw await problemOf(response);
  const told = await response.json();
  if (Array.isArray(told.hunks)) view.sheet(`${title}: baseline and output`, [...await facts(api, address), unified(told)].join("\n"), (line) => MARKS[line[0]] ?? "");
  else view.sheet(title, JSON.stringify(told, null, 2));
}

// What is different, in words; lines are worth showing without them.
async function facts(api, address) {
  const response = await api.get(`${address}&view=cues`);
  const { cues } = response.ok ? await response.json() : {};
  return (cues?.facts ?? []).map(({ words }) => `# ${words}`);
}

function unified({ hunks, truncated }) {
  const lines = hunks.flatMap((hunk) => [
    `@@ -${hunk.expected_start} +${hunk.actual_start} @@`,
    ...hunk.lines.map(({ kind, text }) => `${{ added: "+", removed: "-" }[kind] ?? " "}${text}`)]);
  return [...lines, ...(truncated ? ["(cut: there is more)"] : [])].join("\n");
}

async function files(api, signal) {
  const { data } = await api.json(`${path}/artifacts?limit=100`, { signal });
  const there = data.filter(({ download_url: address }) => address && /^https?:$/.test(new URL(address, location.href).protocol));
  byId("files").hidden = there.length === 0;
  byId("files-title").textContent = count(there.length, "artifact");
  byId("files-list").replaceChildren(...there.map(fileLink));
}

function fileLink({ filename, type, size_bytes: bytes, download_url: address }) {
  const item = element("li");
  const link = element("a", "file");
  link.href = address;
  link.rel = "noopener noreferrer";
  link.append(element("strong", "", filename), element("span", "where", [type.replaceAll("_", " "), bytes === null ? null : size(bytes)].filter(Boolean).join(", ")));
  item.append(link);
  return item;
}
