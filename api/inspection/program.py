"""The program of an inspection: describes the file that is its standard input, and prints MediaInfo's XML.

The parser reads what strangers sent. Once it is loaded, the process can open no file and no socket, so that a file which refers to
others leads nowhere.
"""
from __future__ import annotations

import importlib
import os
import resource
import sys

MEMORY_LIMIT = 1 << 30
SECONDS = 50
BUFFER = 1 << 20


def main() -> None:
    """Describe standard input."""
    # It has no types, and nothing else of this server needs it.
    library = importlib.import_module("pymediainfo").MediaInfo
    with os.fdopen(0, "rb", closefd=False) as file:
        if not library.can_parse():
            sys.exit(1)
        os.nice(10)
        _restrict()
        report = library.parse(file, output="XML", full=False, buffer_size=BUFFER)
    sys.stdout.buffer.write(report.encode("utf-8", "replace"))


def _restrict() -> None:
    for limit, value in (
            (resource.RLIMIT_AS, MEMORY_LIMIT), (resource.RLIMIT_CPU, SECONDS), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_NOFILE, 0)):
        resource.setrlimit(limit, (value, value))


if __name__ == "__main__":
    main()
