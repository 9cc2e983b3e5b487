"""The operator's scanner: a command that is run on every zip before it is accepted."""
from __future__ import annotations

import logging
import subprocess
from collections.abc import Sequence
from pathlib import Path

from api.domain.errors import Unavailable
from api.domain.jobs.archive_check import ZipRejected

REFUSED = 1

log = logging.getLogger(__name__)


class Scanner:
    """Runs the command, without a shell; its exit code 0 accepts a file, 1 refuses it, any other says that it failed. Without a command
    all is accepted.
    """

    def __init__(self, command: Sequence[str], *, seconds: float = 60.0) -> None:
        self._command, self._seconds = tuple(command), seconds

    def check(self, path: Path) -> None:
        """Raise ZipRejected for a file that is refused, Unavailable where the command cannot be run, or not in time."""
        if not self._command:
            return
        try:
            done = subprocess.run(
                [*self._command, str(path)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                timeout=self._seconds, check=False)
        except (OSError, subprocess.TimeoutExpired) as failed:
            log.error("the scanner of projects cannot be run: %s", type(failed).__name__)
            raise Unavailable("The scanner of projects does not answer at the moment.", retry_after=60) from failed
        if done.returncode == REFUSED:
            raise ZipRejected("scanner", "The scanner of projects refuses this zip.")
        if done.returncode:
            # Such as clamdscan's 2, when its daemon is away.
            log.error("the scanner of projects failed: it ended with %s", done.returncode)
            raise Unavailable("The scanner of projects does not answer at the moment.", retry_after=60)
