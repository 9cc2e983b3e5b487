"""Has MediaInfo describe a file, in a process that gets nothing but the file's open descriptor."""
from __future__ import annotations

import os
import re
import signal
import sys
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from threading import Timer
from xml.sax.saxutils import quoteattr

import api
from api.domain.catalog.media_info import SIZE_LIMIT, Unreadable, parse_media_info

PROGRAM = (sys.executable, "-S", "-m", "api.inspection.program")
# The same for the largest file as for the smallest: of a file no more than some parts are read.
SECONDS = 60.0

_NAMELESS = re.compile(rb'<media ref="">')


def inspect(file: Path, name: str, *, seconds: float = SECONDS) -> bytes:
    """MediaInfo's XML of a file, in which the file is called `name`. Raises Unreadable where there is none, or no sensible one."""
    with file.open("rb") as content:
        # Nothing of the server's environment goes along, in which its secrets stand.
        process = Popen[bytes](
            PROGRAM, stdin=content, stdout=PIPE, stderr=DEVNULL, cwd="/", env={"PYTHONPATH": _import_path()}, start_new_session=True)
    assert process.stdout is not None
    timer = Timer(seconds, _kill, [process])
    timer.start()
    try:
        output = process.stdout.read(SIZE_LIMIT + 1)
    finally:
        timer.cancel()
        _kill(process)
        process.stdout.close()
        process.wait()
    parse_media_info(output)
    return _NAMELESS.sub(b"<media ref=" + quoteattr(name).encode().replace(b"\\", b"\\\\") + b">", output, count=1)


def _kill(process: Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        # Its process id cannot be reused before it is waited for.
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)


def _import_path() -> str:
    return os.pathsep.join([str(Path(api.__file__).parent.parent), *(each for each in sys.path if each)])


__all__ = ["Unreadable", "inspect"]
