"""Runs in the queue, and those that a worker has claimed."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from api.domain.runs.run import Platform, RunStatus


@dataclass(frozen=True, slots=True)
class QueuedRun:
    """A run that is not over; `position` counts from 1 among its platform's waiting runs, and is None for a running one.

    `altered` is as a run's.
    """

    run_id: int
    status: RunStatus
    platform: Platform
    queued_at: datetime
    started_at: datetime | None
    position: int | None
    altered: tuple[str, ...] = ()
