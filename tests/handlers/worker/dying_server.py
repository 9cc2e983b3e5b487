"""A server that is killed without a word while it takes a worker's file.

    python -m tests.handlers.worker.dying_server FOLDER DATABASE RUN FUNCTION CALL before|after FIELD=VALUE …
"""
from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests.handlers.site import build_site

CONTENT = b"what the worker sends"


def die_in(name: str, call: int, *, after: bool) -> None:
    """Kill this process at the given call of a function of `os`, before or after it does its work."""
    real, calls = getattr(os, name), iter(range(1, sys.maxsize))

    def deadly(*positional: Any, **named: Any) -> Any:
        is_last = next(calls) == call
        if is_last and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*positional, **named)
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(os, name, deadly)


def main() -> None:
    """Send the file to a server in this process."""
    folder, database, run_id, name, call, moment, *fields = sys.argv[1:]
    site = build_site(Path(folder), Path(database))
    with site.client, site.app.flask.app_context():
        path = site.worker_path(int(run_id))
        die_in(name, int(call), after=moment == "after")
        site.client.post(path, data=dict(each.split("=") for each in fields), files={"file": ("sent.bin", CONTENT)})


if __name__ == "__main__":
    main()
