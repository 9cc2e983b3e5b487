"""How often machines are asked to report, by how much work they have."""
from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from time import monotonic

from api.domain.runs.machine import report_pause
from api.storage.jobs.jobs import count_running
from api.storage.runs.leases import count_held

# For how many seconds what was counted is taken to hold.
COUNTED_FOR = 5.0


class ReportPace:
    """Has all claims together report so often in a second, of each kind of report. Thread-safe."""

    def __init__(self, per_second: int, lease: timedelta, *, clock: Callable[[], float] = monotonic) -> None:
        self._per_second, self._lease, self._clock = per_second, lease.total_seconds(), clock
        self._counted_at, self._seconds = -COUNTED_FOR, 0.0

    def seconds(self) -> float:
        """How long a machine waits between two reports of one kind."""
        now = self._clock()
        if now - self._counted_at >= COUNTED_FOR:
            self._counted_at = now
            self._seconds = report_pause(count_held() + count_running(), self._per_second, self._lease)
        return self._seconds
