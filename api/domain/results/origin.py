"""Where a failure comes from: since when a test fails in this way, and whether the run's own change is to blame."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from api.domain.results.base_run import Line, PastRun
from api.domain.results.compare import Bucket
from api.domain.results.result import JudgedTest, Report, Verdict, ended_as_expected


class Origin(StrEnum):
    """What a failure has to do with the change under test, most urgent first."""

    MINE = "mine"
    UNKNOWN = "unknown"
    FLAKY = "flaky"
    IMPROVED = "improved"
    NOT_MINE = "not_mine"
    REBASELINED = "rebaselined"


@dataclass(frozen=True, slots=True)
class PastResult:
    """How a test fared in an earlier run; `report` and `outputs` (hashes, None for a match) are None where they are not known."""

    verdict: Verdict
    report: Report | None = None
    outputs: Mapping[int, str | None] | None = None


@dataclass(frozen=True, slots=True)
class FailingSince:
    """The first run of the streak of failures up to now in which the test failed as it does now.

    `at_least` where the streak may have begun before what was looked at; `is_assumed` where an older run was taken for an ancestor.
    """

    run: PastRun
    at_least: bool
    is_assumed: bool = False


def failing_since(line: Sequence[PastRun], results: Mapping[int, PastResult], now: PastRun, test: JudgedTest) -> FailingSince:
    """Since which run a test fails as it does in the run `now`, by its results on the run's line, the nearest first.

    A change of the output while it fails is a step, and the newest step counts; but an output that an earlier run of the streak had
    already came with that one. Runs without a result of the test neither break the streak nor begin it. What is expected of it now
    decides whether it passed.
    """
    first = since = now
    is_assumed = False
    for run in line:
        result = results.get(run.run_id)
        if result is None or not result.verdict.has_result:
            continue
        is_assumed |= run.is_assumed
        if not result.verdict.is_failure or _is_accepted(test, result):
            return FailingSince(since, at_least=False, is_assumed=is_assumed)
        first = run
        if result.outputs is None or _is_same(test, result):
            since = run
    return FailingSince(since, at_least=since is first, is_assumed=is_assumed)


def _is_accepted(test: JudgedTest, result: PastResult) -> bool:
    """Whether a test that failed then would pass by what is expected now."""
    if result.report is None or result.outputs is None or not ended_as_expected(test.test, result.report):
        return False
    # A match of then may be no match of now, which is not known here.
    came = [(output, result.outputs.get(output.output_id)) for output in test.test.required_outputs]
    return any(got is not None for _, got in came) and all(got is not None and output.accepts(got) for output, got in came)


def _is_same(test: JudgedTest, result: PastResult) -> bool:
    now = test.reports.report
    if (now and now.ending) != (result.report and result.report.ending):
        return False
    outputs = result.outputs or {}
    reported = test.reports.outputs
    return all(
        (each.output_id in reported, _hash(reported[each.output_id].got if each.output_id in reported else None))
        == (each.output_id in outputs, _hash(outputs.get(each.output_id))) for each in test.test.required_outputs)


def _hash(got: str | None) -> str | None:
    return got and got.lower()


def origin_of(bucket: Bucket, since: FailingSince, line: Line, untested: Sequence[str]) -> Origin:
    """Where a failure comes from, by what became of the test since its base; `untested` are the commits between base and run."""
    if bucket is Bucket.REBASELINED:
        return Origin.REBASELINED
    if bucket is Bucket.FAILING_SAME:
        return Origin.NOT_MINE
    if bucket is Bucket.FAILING_DIFFERENTLY and since.run.run_id in {run.run_id for run in line.bases}:
        return Origin.IMPROVED
    return Origin.UNKNOWN if bucket is Bucket.NOT_COMPARABLE or untested else Origin.MINE
