"""What wakes the analyst of this process: the end of a run, and readers that wait for an analysis."""
from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event, Lock

# More are not remembered.
MOST = 100


@dataclass
class AnalysisRequests:
    """The runs that readers asked for in vain; `wake` is set when there is something to do."""

    wake: Event = field(default_factory=Event)
    _wanted: set[int] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)

    def want(self, run_id: int) -> None:
        """A reader waits for the analysis of this run."""
        with self._lock:
            if len(self._wanted) < MOST:
                self._wanted.add(run_id)
        self.wake.set()

    def taken(self) -> list[int]:
        """The runs that were asked for since the last time."""
        with self._lock:
            wanted, self._wanted = self._wanted, set()
        return sorted(wanted)
