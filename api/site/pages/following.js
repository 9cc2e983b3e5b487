// Follows a stream of events: after a broken connection it goes on exactly where it was.

import { Problem, problemOf } from "./asking.js";
import { Frames } from "./frames.js";

const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 30_000;
// The server says something every 15 seconds; a connection that is silent for so long is dead.
const SILENCE = 45_000;

// How long to wait before the try after so many failures, in milliseconds; `chance` is from 0 to 1.
export function pauseAfter(failures, retry, chance) {
  const pause = Math.min(LONGEST_PAUSE, (retry ?? FIRST_PAUSE) * 2 ** Math.max(0, failures - 1));
  return pause * (0.75 + chance / 4);
}

// Calls `onEvent` for each event until it returns true, or the server says that there is nothing more. `onState` is told
// {live: true}, or {seconds, problem} while it waits for the next try. `reading` remembers the place, for whoever follows later.
// Raises a Problem that does not pass by itself.
export async function follow(api, path, reading, { onEvent, onState, signal }) {
  Object.assign(reading, { last: null, retry: null, ...reading, failures: 0 });
  for (;;) {
    let problem = null;
    try {
      if (await readOnce(api, path, reading, { onEvent, onState, signal })) return;
    } catch (failure) {
      signal.throwIfAborted();
      problem = failure instanceof Problem ? failure : new Problem(0, "The connection broke.");
      if (!problem.passes) throw problem;
    }
    reading.failures += 1;
    const least = (problem?.retryAfter ?? 0) * 1000;
    const pause = Math.max(least, pauseAfter(reading.failures, reading.retry, Math.random()));
    onState({ live: false, seconds: Math.ceil(pause / 1000), problem });
    await rest(pause, signal, { early: least === 0 });
  }
}

async function readOnce(api, path, reading, { onEvent, onState, signal }) {
  const watch = new Watch(signal);
  try {
    const headers = { Accept: "text/event-stream", ...(reading.last === null ? {} : { "Last-Event-ID": reading.last }) };
    const response = await api.get(path, { headers, signal: watch.signal });
    if (response.status === 204) return true;
    if (!response.ok) throw await problemOf(response);
    onState({ live: true });
    const frames = new Frames();
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return false;
      watch.heard();
      for (const event of frames.push(decoder.decode(value, { stream: true }))) {
        reading.failures = 0;
        if (event.id !== null) reading.last = event.id;
        if (onEvent(event)) return true;
      }
      reading.retry = frames.retry ?? reading.retry;
    }
  } finally {
    watch.end();
  }
}

// Ends a connection on which nothing is heard for too long.
class Watch {
  #ending = new AbortController();
  #timer = null;
  #outer;
  #end = () => this.#ending.abort();

  constructor(outer) {
    this.#outer = outer;
    outer.addEventListener("abort", this.#end);
    this.heard();
  }

  get signal() {
    return this.#ending.signal;
  }

  heard() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#end, SILENCE);
  }

  end() {
    clearTimeout(this.#timer);
    this.#outer.removeEventListener("abort", this.#end);
    this.#end();
  }
}

// Waits; the return of the network ends the wait early where the server did not ask for it.
function rest(milliseconds, signal, { early }) {
  return new Promise((resolve, reject) => {
    const finish = () => {
      clearTimeout(timer);
      removeEventListener("online", finish);
      signal.removeEventListener("abort", finish);
      if (signal.aborted) reject(signal.reason);
      else resolve();
    };
    const timer = setTimeout(finish, milliseconds);
    if (early) addEventListener("online", finish);
    signal.addEventListener("abort", finish);
  });
}
