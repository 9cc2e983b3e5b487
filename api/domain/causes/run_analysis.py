"""What is found out about a finished run: what it is compared with, how each failing test fares, and the causes of all failures."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from api.domain.causes.analysis import Analysed, Cause
from api.domain.causes.came import Came, Facts
from api.domain.results.base_run import BaseReason
from api.domain.results.judged_run import JudgedRun
from api.domain.results.origin import FailingSince
from api.domain.results.runtime import RuntimeChanges
from api.domain.runs.run import RunStatus

# What an older version found out is found out anew.
ANALYSIS_VERSION = 4
# Of a run that lacks more of its results than this part, nothing is said.
MOST_WITHOUT_RESULT = 0.25


class AnalysisDue(IntEnum):
    """How urgently a run waits to be analysed: behind all others, or because it ended or was judged anew."""

    BEHIND = 0
    ENDED = 1


class AnalysisState(StrEnum):
    """Whether the analysis of a run is known."""

    READY = "ready"
    PENDING = "pending"
    NOT_ANALYSABLE = "not_analysable"


class NotAnalysed(StrEnum):
    """Why a run is not analysed; `FAULT` is one of the server's own, of which its log tells."""

    NOT_OVER = "not_over"
    NO_RESULTS = "no_results"
    TOO_FEW_RESULTS = "too_few_results"
    FAULT = "fault"


def reason_not_analysed(judged: JudgedRun) -> NotAnalysed | None:
    """Why a run cannot be analysed, if it cannot; what infrastructure ended before the tests has no results."""
    if not judged.status.is_finished:
        return NotAnalysed.NOT_OVER
    with_result = sum(test.verdict.has_result for test in judged.tests)
    if not with_result:
        return NotAnalysed.NO_RESULTS
    return NotAnalysed.TOO_FEW_RESULTS if len(judged.tests) - with_result > MOST_WITHOUT_RESULT * len(judged.tests) else None


@dataclass(frozen=True, slots=True)
class TestStep:
    """A test that failed in a run, or whose output changed with it (`is_change`).

    `facts` are what is different since the run `from_run_id`, pruned; None where nothing is, or where there is no run before.
    """

    __test__ = False

    regression_id: int
    came: Came
    is_change: bool
    facts: Facts | None = None
    from_run_id: int | None = None
    from_commit: str | None = None
    untested: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BaseRun:
    """The run that another is compared with, and why; `untested` are the commits between."""

    run_id: int
    commit: str
    branch: str | None
    status: RunStatus
    reason: BaseReason
    untested: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explained:
    """What was found out about a failing test; `base_run_id` is the run that it is compared with, where that is not the base."""

    analysed: Analysed
    since: FailingSince
    in_base: str
    base_run_id: int | None = None
    untested: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunAnalysis:
    """All that was found out about a run: its failing tests by regression id, its causes as they are shown."""

    base: BaseRun | None
    runtimes: RuntimeChanges
    tests: tuple[Explained, ...]
    causes: tuple[Cause, ...]

    @property
    def by_id(self) -> Mapping[int, Explained]:
        """The failing tests by their regression ids."""
        return {test.analysed.regression_id: test for test in self.tests}
