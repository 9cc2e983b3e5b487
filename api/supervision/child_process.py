"""A child process that is restarted when it ends, and ends with this process."""
from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence

LEAVING = 3.0


class ChildEnded(Exception):
    """The program has ended, which it never should."""


class ChildProcess:
    """The program. It reads our end of a pipe, so that it ends with us however we end, and is in a session of its own."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command, self._environment = tuple(command), dict(environment)
        self._process: subprocess.Popen[bytes] | None = None

    def look(self) -> None:
        """Start it where it does not run. Raises ChildEnded where it ran, and OSError where it cannot be started."""
        if self._process is None:
            self._process = subprocess.Popen(self._command, env=self._environment, stdin=subprocess.PIPE, start_new_session=True)
        elif (code := self._process.poll()) is not None:
            self._forget(self._process)
            raise ChildEnded(f"it ended with {code}, and is started again")

    def stop(self) -> None:
        """Tell it to end, and wait no longer than a moment: what is on its way needs nobody."""
        process = self._process
        if process is not None:
            process.terminate()
            try:
                process.wait(LEAVING)
            except subprocess.TimeoutExpired:
                # So that nothing warns of it.
                process.returncode = 0
            self._forget(process)

    def _forget(self, process: subprocess.Popen[bytes]) -> None:
        self._process = None
        if process.stdin is not None:
            process.stdin.close()
