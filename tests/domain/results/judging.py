"""Values for tests of verdicts, failures and counts."""
from __future__ import annotations

from api.domain.auth.access import Caller, Role, Scope
from api.domain.results.result import JudgedTest, OutputReport, Report, TestReports, verdict_of
from api.domain.runs.expected_tests import ExpectedOutput, ExpectedTest
from api.domain.runs.run import Phase

BASELINE, OTHER, VARIANT = "a" * 64, "b" * 64, "c" * 64


def expected_output(output_id: int = 5, *, ignored: bool = False, baseline: str = BASELINE) -> ExpectedOutput:
    """An output with one more hash that is as good as its baseline."""
    return ExpectedOutput(output_id, baseline, ".srt", "", ignored, (VARIANT,))


def expected_test(regression_id: int = 1, *outputs: ExpectedOutput, exit_code: int = 0) -> ExpectedTest:
    """A regression test of sample 7, with one output unless others are given."""
    return ExpectedTest(
        regression_id, 7, "sha", ".ts", "--out=srt", "file", "file", exit_code, ("DVB", "Teletext"), outputs or (expected_output(),))


def reported(
    test: ExpectedTest, *, exit_code: int | None = 0, runtime_ms: int = 10, recorded_code: int | None = None, **got: str | None,
) -> TestReports:
    """What came of a test: its end, unless `exit_code` is None, and its outputs by id as `o5="hash"`, None for a match."""
    end = None if exit_code is None else Report(test.regression_id, exit_code, runtime_ms, recorded_code)
    outputs = {int(name[1:]): OutputReport(test.regression_id, int(name[1:]), digest) for name, digest in got.items()}
    return TestReports(end, outputs)


def judged(test: ExpectedTest, reports: TestReports, phase: Phase | None = Phase.COMPLETED) -> JudgedTest:
    """A test with its verdict in a run of this phase."""
    return JudgedTest(test, reports, verdict_of(test, reports, phase))


def caller(role: Role = Role.TESTER, *, user_id: int = 1, github_login: str | None = None) -> Caller:
    """Somebody with a token of all scopes."""
    return Caller(user_id, f"user{user_id}", None, role, frozenset(Scope), 1, github_login)
