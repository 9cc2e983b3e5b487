"""Judges a whole run by the evidence of it."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from api.domain.results.failure import failures_in
from api.domain.results.result import JudgedTest, TestReports, judge
from api.domain.runs.expected_tests import ExpectedTests
from api.domain.runs.infrastructure import Coverage, EventOrigin, InfrastructureError, infrastructure_errors
from api.domain.runs.progress import timeline
from api.domain.runs.run import ProgressEvent, RunStatus
from api.domain.runs.status import run_status
from api.domain.runs.summary import Summary, summarize


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a run is judged by: its frozen set, what was reported of each regression test, and its events, oldest first.

    `origins` tells where events that this server wrote came from, by event id; `ended_at` when regression tests ended, by their ids, as
    far as they ended before this server's eyes.
    """

    expected: ExpectedTests
    reports: Mapping[int, TestReports]
    events: tuple[ProgressEvent, ...]
    origins: Mapping[int, EventOrigin]
    ended_at: Mapping[int, datetime]


@dataclass(frozen=True, slots=True)
class JudgedRun:
    """A run with the verdict of each expected test and its infrastructure errors, and the evidence that they come from."""

    evidence: Evidence
    status: RunStatus
    tests: tuple[JudgedTest, ...]
    infrastructure: tuple[InfrastructureError, ...]

    @property
    def summary(self) -> Summary:
        """The counts of the run."""
        return summarize(self.tests, self.infrastructure)


def judge_evidence(evidence: Evidence) -> JudgedRun:
    """The verdicts, the status and the infrastructure errors that the evidence comes to."""
    phase = timeline(evidence.events).phase
    tests = judge(evidence.expected, evidence.reports, phase)
    coverage = Coverage(sum(test.reports.report is not None for test in tests), len(tests))
    infrastructure = infrastructure_errors(evidence.events, evidence.origins, failures_in(tests), coverage)
    return JudgedRun(evidence, run_status(phase, [test.verdict for test in tests]), tests, infrastructure)
