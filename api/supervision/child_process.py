"""A child process that is restarted when it ends, and ends with this process."""
from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress

SHUTDOWN_SECONDS = 3.0


class ChildEnded(Exception):
    """The child process has exited, which it never should."""


class ChildProcess:
    """The child process, in a session of its own. It reads a pipe that ends with this process, however that ends."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command, self._environment = tuple(command), dict(environment)
        self._process: subprocess.Popen[bytes] | None = None

    def ensure_running(self) -> None:
        """Start it unless it runs. Raises ChildEnded where it has exited, OSError where it cannot be started."""
        if self._process is None:
            self._process = subprocess.Popen(self._command, env=self._environment, stdin=subprocess.PIPE, start_new_session=True)
        elif (code := self._process.poll()) is not None:
            self._forget(self._process)
            raise ChildEnded(f"it ended with {code}, and is started again")

    def stop(self, note: bytes = b"") -> None:
        """Terminate it, and wait briefly for its end. Before that it finds the note in its pipe."""
        process = self._process
        if process is not None:
            if note and process.stdin is not None:
                with suppress(OSError):
                    process.stdin.write(note)
                    process.stdin.flush()
            process.terminate()
            try:
                process.wait(SHUTDOWN_SECONDS)
            except subprocess.TimeoutExpired:
                # Otherwise Popen warns that the process still runs.
                process.returncode = 0
            self._forget(process)

    def _forget(self, process: subprocess.Popen[bytes]) -> None:
        self._process = None
        if process.stdin is not None:
            process.stdin.close()
