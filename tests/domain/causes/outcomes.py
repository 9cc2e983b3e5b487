"""Runs and results for tests of causes."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta

from api.domain.causes.came import Came, Subject
from api.domain.results.base_run import PastRun
from api.domain.runs.expected_tests import ExpectedOutput, ExpectedTest

START = datetime(2026, 8, 1, tzinfo=UTC)
GOOD = "good"
OUTPUT = 5


def run(run_id: int, commit: str | None = None, *, is_own: bool = False, is_assumed: bool = False) -> PastRun:
    """A run, of a commit of its own unless another is given."""
    return PastRun(run_id, commit or f"c{run_id}", START + timedelta(hours=run_id), is_own=is_own, is_assumed=is_assumed)


def came(digest: str | None = GOOD, ending: int | None = 0) -> Came:
    """What a test with one output came to."""
    return Came(ending, {OUTPUT: digest})


def subject(result: Came, regression_id: int = 1, *, sample_id: int = 7, baseline: str = GOOD, variant: str = "variant") -> Subject:
    """A test with one output, by what it came to."""
    output = ExpectedOutput(OUTPUT, baseline, ".srt", "", ignored=False, acceptable=(variant,))
    return Subject(
        ExpectedTest(regression_id, sample_id, "sha", ".ts", "--out=srt", "file", "file", 0, ("DVB",), (output,)), 0, result)
