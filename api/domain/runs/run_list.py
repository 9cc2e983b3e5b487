"""Filters and orders of the list of runs."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from api.domain.runs.run import Platform, Run, RunStatus


class RunSort(StrEnum):
    """The orders of a list of runs; a minus means descending, and the run's id settles ties in the same direction."""

    CREATED_AT = "created_at"
    CREATED_AT_DESC = "-created_at"
    STARTED_AT = "started_at"
    STARTED_AT_DESC = "-started_at"
    RUN_ID = "run_id"
    RUN_ID_DESC = "-run_id"

    @property
    def field(self) -> str:
        """The field that is sorted by."""
        return self.value.lstrip("-")

    @property
    def descends(self) -> bool:
        """Whether the newest comes first; runs that never started count as older than all others."""
        return self.value.startswith("-")


@dataclass(frozen=True, slots=True)
class RunFilter:
    """What a list of runs is narrowed to; None asks for nothing. Created bounds are exclusive, branches match exactly,
    repositories and commits without regard to ASCII case.
    """

    status: RunStatus | None = None
    branch: str | None = None
    commit_sha: str | None = None
    repository: str | None = None
    platform: Platform | None = None
    pull_request: int | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None

    def matches(self, run: Run) -> bool:
        """Whether a run belongs to the list; what the database answers must always be the same."""
        wanted = (
            (self.status, run.status), (self.branch, run.branch), (_folded(self.commit_sha), run.commit.lower()),
            (_folded(self.repository), run.repository.lower()), (self.platform, run.platform), (self.pull_request, run.pull_request))
        in_time = (
            (self.created_after is None or run.created_at > self.created_after)
            and (self.created_before is None or run.created_at < self.created_before))
        return in_time and all(want is None or want == have for want, have in wanted)


def _folded(text: str | None) -> str | None:
    return None if text is None else text.lower()
