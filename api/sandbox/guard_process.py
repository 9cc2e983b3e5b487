"""A guard: a process beside a sandbox that outlives its starter. It reports the sandbox's end, and removes it once the starter is gone."""
from __future__ import annotations

import json
import os
import select
from contextlib import suppress
from pathlib import Path
from typing import Any

from api.host.programs import module_environment

# A sweep spares a sandbox whose guard, by the process id in this file, is alive.
GUARD = "guard"
KILLED = {"failure": "the sandbox's guard was killed"}
MAX_REPORT_BYTES = 1 << 16


class GuardProcess:
    """A running guard. Its standard input is our lifeline, which says nothing more once we are gone; its output is one report, as JSON.

    `ended` becomes readable once it has reported. `place` is the sandbox's folder.
    """

    def __init__(self, place: Path, command: list[str]) -> None:
        self.ended, report_writer = os.pipe()
        lifeline, self._lifeline = os.pipe()
        actions = [
            (os.POSIX_SPAWN_DUP2, lifeline, 0), (os.POSIX_SPAWN_DUP2, report_writer, 1),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)]
        self._process_id = os.posix_spawn(command[0], command, module_environment(), file_actions=actions, setsid=True)
        (place / GUARD).write_text(str(self._process_id))
        os.close(lifeline)
        os.close(report_writer)

    @property
    def is_open(self) -> bool:
        """Whether it has not been closed yet."""
        return self._lifeline >= 0

    def tell(self, word: bytes) -> None:
        """Write one byte into the lifeline; what it means is the guard's own."""
        with suppress(BrokenPipeError):
            os.write(self._lifeline, word)

    def report(self, seconds: float | None = 0) -> dict[str, Any] | None:
        """What it has reported; None where nothing comes within so many seconds. None as their number: wait for it."""
        if not select.select([self.ended], [], [], seconds)[0]:
            return None
        said: dict[str, Any] = json.loads(os.read(self.ended, MAX_REPORT_BYTES) or json.dumps(KILLED))
        return said

    def close(self) -> None:
        """Have the sandbox removed, and wait for that."""
        os.close(self._lifeline)
        self._lifeline = -1
        os.waitpid(self._process_id, 0)
        os.close(self.ended)


def is_guarded(place: Path) -> bool:
    """Whether the guard of this folder's sandbox is alive."""
    with suppress(OSError, ValueError):
        # Its number may be another process's by now.
        return b".guard\0" in Path("/proc", (place / GUARD).read_text(), "cmdline").read_bytes()
    return False


def remove_place(place: Path) -> None:
    """Remove a sandbox's folder, and the files in it."""
    with suppress(FileNotFoundError):
        for file in place.iterdir():
            file.unlink()
        place.rmdir()
