// Reads server-sent events out of a text that comes in pieces of any size.

export class Frames {
  // How long the server asks to wait before a connection that broke is made again, in milliseconds.
  retry = null;
  #rest = "";
  #event = fresh();

  // The events that are whole with this piece; `id` is null for an event that has none.
  push(piece) {
    const found = [];
    const lines = (this.#rest + piece).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop();
    for (const line of lines) {
      if (line !== "") this.#take(line);
      else {
        if (this.#event.data.length) found.push({ ...this.#event, data: this.#event.data.join("\n") });
        this.#event = fresh();
      }
    }
    return found;
  }

  #take(line) {
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") this.#event.data.push(value);
    else if (name === "id" && !value.includes("\0")) this.#event.id = value;
    else if (name === "event") this.#event.event = value;
    else if (name === "retry" && /^\d+$/.test(value)) this.retry = Number(value);
  }
}

function fresh() {
  return { id: null, event: "message", data: [] };
}
