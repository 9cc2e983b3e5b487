"""A process that waits for a container: it reports its exit, and removes it when the agent is gone.

Run as `python -m api.sandbox.containers.guard SOCKET NAME`. Its standard input is the starter's lifeline: one byte says
that the container runs; the end, that the starter is gone. What it writes to its standard output is the exit code.
"""
from __future__ import annotations

import json
import os
import select
import signal
import sys
import threading
from urllib.parse import quote

from api.sandbox.containers.engine import Engine, EngineError


def _report_exit(engine: Engine, name: str) -> None:
    try:
        said = engine.post(f"/containers/{quote(name)}/wait?condition=not-running", timeout=None)
        answer = {"exit_code": said["StatusCode"]}
    except (EngineError, KeyError, TypeError) as fault:
        answer = {"failure": str(fault)}
    os.write(1, json.dumps(answer).encode())
    os.close(1)


def main(arguments: list[str]) -> int:
    """Wait for the lifeline's end."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    engine, name = Engine(arguments[0]), arguments[1]
    while True:
        select.select([0], [], [])
        if not os.read(0, 1):
            break
        threading.Thread(target=_report_exit, args=(engine, name), daemon=True).start()
    # However the starter ended, the container is not needed any more.
    engine.remove_container(name)
    return 0


if __name__ == "__main__":
    # The thread may hang on the engine, and is not waited for.
    os._exit(main(sys.argv[1:]))
