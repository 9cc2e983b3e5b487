// Asks the API: the token goes along in a header, and what goes wrong is told in words.

// Where the server is: a slash, unless a proxy has it below a path.
export const home = new URL("..", import.meta.url).pathname;

export class Problem extends Error {
  constructor(status, words, { retryAfter = null, requestId = null } = {}) {
    super(words);
    this.status = status;
    this.retryAfter = retryAfter;
    this.requestId = requestId;
  }

  // Whether it may be over soon, so that it is worth to ask again.
  get passes() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export class Api {
  #token;

  constructor(token) {
    this.#token = token;
  }

  // The answer to a GET, whatever its status. Raises a Problem where nobody answers.
  async get(path, { headers = {}, signal } = {}) {
    const options = { headers: { ...headers, Authorization: `Bearer ${this.#token}` }, cache: "no-store", credentials: "omit", signal };
    try {
      return await fetch(path, options);
    } catch (failure) {
      if (signal?.aborted) throw failure;
      throw new Problem(0, "The server does not answer.");
    }
  }

  // What a GET answers, as JSON. Raises a Problem for everything else.
  async json(path, options) {
    const response = await this.get(path, options);
    if (!response.ok) throw await problemOf(response);
    return response.json();
  }
}

// What an answer says that is none.
export async function problemOf(response) {
  const body = await response.json().catch(() => ({}));
  const details = body?.details ?? {};
  const seconds = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  const retryAfter = Number.isNaN(seconds) ? null : seconds;
  const more = { retryAfter, requestId: response.headers.get("X-Request-Id") };
  return new Problem(response.status, wordsFor(response.status, details, retryAfter), more);
}

function wordsFor(status, details, retryAfter) {
  const later = retryAfter === null ? "" : ` It asks to come back in ${retryAfter} s.`;
  if (status === 401) return "The server does not know this token, or no longer.";
  if (status === 403 && details.required_scope) return `This token may not see this: it lacks the scope ${details.required_scope}.`;
  if (status === 403) return "This token may not see this.";
  if (status === 404) return "There is no such thing here, or it is not yours.";
  if (status === 429) return `Too many questions were asked with this token.${later}`;
  if (status === 503) return `The server cannot answer at the moment.${later}`;
  return `The server failed to answer (${status}).`;
}
