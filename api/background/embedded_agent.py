"""The embedded agent: one child process for all processes of a server, which ends with them; its jobs go on."""
from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from api.host.lock_file import try_lock
from api.host.work_folder import work_folder
from api.storage.permissions import PRIVATE
from api.supervision.child_process import ChildProcess
from api.supervision.loop import Task

COMMAND = (sys.executable, "-m", "api.cli", "agent", "--attached")
POLL_INTERVAL = 0.5
PAUSE = 5.0


class EmbeddedAgent:
    """Keeps an agent running. Of several server processes, the one that holds the lock does so."""

    def __init__(self, home: Path, environment: Mapping[str, str], command: Sequence[str] = COMMAND) -> None:
        self._home, self._agent = home, ChildProcess(command, environment)
        self._lock: int | None = None

    def task(self) -> Task:
        """A periodic task that restarts the agent, with a pause after it has ended."""
        return Task("embedded_agent", self.ensure_running, POLL_INTERVAL, close=self.stop, first_pause=PAUSE)

    def ensure_running(self) -> None:
        """Start it, unless another process does. Raises OSError and ChildEnded, and then lets another process try."""
        if self._lock is None:
            self._lock = self._take_lock()
        if self._lock is None:
            return
        try:
            self._agent.ensure_running()
        except BaseException:
            self._release()
            raise

    def stop(self) -> None:
        """Stop it, and let another process start one."""
        self._agent.stop()
        self._release()

    def _take_lock(self) -> int | None:
        try:
            work_folder(self._home.parent)
            PRIVATE.make_folder(self._home)
            return try_lock(self._home / "beside")
        except OSError as fault:
            raise OSError(f"CI_WORK_DIR: {fault}; no agent is started beside the server") from fault

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
