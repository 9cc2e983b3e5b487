"""The agent beside a server: a process of its own, one for all processes of a server, which ends with them while its jobs go on."""
from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from api.execution.jobs.host.lock_file import try_lock
from api.execution.jobs.host.work_folder import work_folder

log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-m", "api.cli", "agent", "--attached")
LOOK = 0.5
PAUSE = 5.0
LEAVING = 3.0


class AgentBeside:
    """Keeps an agent while the server runs. Of several processes the one that holds the lock does; when it dies, another."""

    def __init__(self, home: Path, environment: Mapping[str, str], command: Sequence[str] = COMMAND, *, pause: float = PAUSE) -> None:
        self._home, self._environment, self._command, self._pause = home, dict(environment), tuple(command), pause
        self._stop = threading.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep it for as long as the context lasts; it is told to stop then, and not waited for longer than a moment."""
        self._stop.clear()
        keeper = threading.Thread(target=self._keep, name="agent", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            self._stop.set()
            await asyncio.to_thread(keeper.join, LEAVING + LOOK)

    def _keep(self) -> None:
        while not self._stop.is_set():
            try:
                lock = self._lock()
            except OSError as fault:
                log.error("CI_JOB_WORK: %s; no agent is started beside the server", fault)
                return
            if lock is None:
                self._stop.wait(LOOK)
                continue
            try:
                self._run()
            except OSError as fault:
                log.error("no agent could be started beside the server; trying again: %s", fault)
                self._stop.wait(self._pause)
            finally:
                os.close(lock)

    def _lock(self) -> int | None:
        work_folder(self._home.parent)
        self._home.mkdir(exist_ok=True, mode=0o700)
        return try_lock(self._home / "beside")

    def _run(self) -> None:
        """Run the agent until it ends or we are told to stop. It reads our end of a pipe, so that it ends with us however we end."""
        with subprocess.Popen(self._command, env=self._environment, stdin=subprocess.PIPE, start_new_session=True) as process:
            while process.poll() is None and not self._stop.wait(LOOK):
                continue
            process.terminate()
            try:
                process.wait(LEAVING)
            except subprocess.TimeoutExpired:
                # It is on its way, and needs nobody.
                process.returncode = 0
        if not self._stop.is_set():
            log.warning("the agent ended with %s; it is started again", process.returncode)
            self._stop.wait(self._pause)
