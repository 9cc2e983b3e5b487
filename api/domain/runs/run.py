"""A run of the regression suite: its platform, commit, progress and requester."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Platform(StrEnum):
    """The operating system a run executes on."""

    LINUX = "linux"
    WINDOWS = "windows"


# What a run is shown to be of where its row names no platform that is known; no worker ever takes it.
STAND_IN_PLATFORM = Platform.LINUX


class Phase(StrEnum):
    """What a worker reports of a run, in the order in which a run goes through it."""

    PREPARATION = "preparation"
    TESTING = "testing"
    COMPLETED = "completed"
    CANCELED = "canceled"

    @property
    def is_finished(self) -> bool:
        """Whether nothing follows this phase."""
        return self in (Phase.COMPLETED, Phase.CANCELED)


class RunStatus(StrEnum):
    """The contract's seven states of a run."""

    QUEUED = "queued"
    RUNNING = "running"
    PASS = "pass"
    FAIL = "fail"
    CANCELED = "canceled"
    ERROR = "error"
    INCOMPLETE = "incomplete"

    @property
    def is_finished(self) -> bool:
        """Whether a run in this state will never change again."""
        return self not in (RunStatus.QUEUED, RunStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """One row of `test_progress`: a phase, when it was reported (UTC), and the reporter's own words.

    Where its time cannot be read, it is not `dated`, and `at` is a stand-in.
    """

    event_id: int
    phase: Phase
    at: datetime
    message: str
    dated: bool = True


@dataclass(frozen=True, slots=True)
class Requester:
    """The user who triggered a run."""

    user_id: int
    name: str


class Run(NamedTuple):
    """A run as it stands now. Times are UTC; `commit` is as stored, which in old rows may be short.

    `infrastructure_error_count` is known once the run is over, or there is one. `altered` names the contract's fields of a run
    that do not hold what the platform's rows say, which is nothing that could be shown. `evidence` names what a run that is over was
    judged by: another name, another outcome. `shards` is among how many machines its tests are divided.
    `late_events` counts what happened to it after its end, where one run is looked at. A named tuple, because a list makes a
    hundred of these per request, and a frozen dataclass of this many fields takes eight times as long to make.
    """

    run_id: int
    status: RunStatus
    platform: Platform
    repository: str
    branch: str | None
    commit: str
    pull_request: int | None
    created_at: datetime
    expected_tests_id: int | None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    requester: Requester | None = None
    environment_id: str | None = None
    source_run_id: int | None = None
    replaced_by: int | None = None
    reason: str | None = None
    parent_sha: str | None = None
    merge_base_sha: str | None = None
    build_duration_ms: int | None = None
    shards: int = 1
    infrastructure_error_count: int | None = None
    altered: tuple[str, ...] = ()
    evidence: str | None = None
    late_events: int = 0

    @property
    def duration_ms(self) -> int | None:
        """Milliseconds from the first `testing` event to the terminal one; None where either is missing."""
        if self.started_at is None or self.completed_at is None:
            return None
        return max(0, round((self.completed_at - self.started_at).total_seconds() * 1000))
