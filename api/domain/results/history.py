"""The history of a sample's regression tests, from run to run."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from api.domain.results.result import Verdict
from api.domain.runs.run import Platform, RunStatus


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """The verdict of a regression test in a run that is over.

    `signature` is that of the test's first failure, `altered` is as the run's.
    """

    run_id: int
    regression_id: int
    run_created_at: datetime
    run_status: RunStatus
    commit: str
    branch: str | None
    platform: Platform
    verdict: Verdict
    runtime_ms: int | None
    signature: str | None
    altered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """What a history is narrowed to; None asks for nothing. Created bounds are exclusive, branches match exactly."""

    run_status: RunStatus | None = None
    verdict: Verdict | None = None
    regression_id: int | None = None
    branch: str | None = None
    platform: Platform | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None

    def matches(self, entry: HistoryEntry) -> bool:
        """Whether an entry belongs to the list; what the database answers must always be the same."""
        wanted = (
            (self.run_status, entry.run_status), (self.verdict, entry.verdict), (self.regression_id, entry.regression_id),
            (self.branch, entry.branch), (self.platform, entry.platform))
        return all(want is None or want == have for want, have in wanted) and (
            (self.created_after is None or entry.run_created_at > self.created_after)
            and (self.created_before is None or entry.run_created_at < self.created_before))
