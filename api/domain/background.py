"""States of background tasks: the pause after a failure, when one is overdue, and how health shows it."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from api.domain.health import DEGRADED, OK, Dependency

FIRST_PAUSE, MAX_PAUSE = 1.0, 60.0
# A task is overdue when it has missed several of its periods, but never sooner than a busy machine may make it wait.
PERIODS_MISSED, MIN_OVERDUE = 3, 60.0


@dataclass(frozen=True, slots=True)
class TaskState:
    """A task in one process. `age` is the seconds since its last success, or since its beginning while there was none.

    `failures` counts all, `failures_in_row` those since the last success.
    """

    name: str
    age: float
    last_success_at: datetime | None
    failures: int
    failures_in_row: int
    is_overdue: bool


def pause_after(failures_in_row: int, *, first: float, max_pause: float) -> float:
    """How many seconds a task rests after so many failures in a row: twice as long each time, up to the longest."""
    # Beyond some doublings every pause is the longest, and the power need not grow.
    return float(min(max_pause, first * 2 ** min(failures_in_row - 1, 30)))


def overdue_after(every: float | None) -> float:
    """After how many seconds without a success a task of this period is overdue."""
    return max(MIN_OVERDUE, PERIODS_MISSED * (every or 0.0))


def dependency_of(state: TaskState) -> Dependency:
    """A task in the health of the system: degraded when it is overdue, and never down. Faults' own words stay in the log."""
    name = f"background_{state.name}"
    if not state.is_overdue:
        return Dependency(name, OK)
    why = f"{state.failures_in_row} failures in a row" if state.failures_in_row else "it does not come to an end"
    return Dependency(name, DEGRADED, f"No success for {state.age:.0f} seconds; {why}.")
