"""Comparisons and triage as JSON; triage fits a budget of bytes, which its failures share fairly."""
from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from api.domain.causes.run_analysis import BaseRun
from api.domain.display_bounds import commit_is_exact, cut, shown_commit
from api.domain.results.base_run import BaseReason
from api.domain.results.compare import Bucket, Compared, OutputHashes
from api.domain.results.judged_run import JudgedRun
from api.domain.results.origin import Origin
from api.domain.results.result import JudgedTest
from api.domain.results.runtime import RuntimeChanges
from api.domain.results.triage import WIDTH, FailingTest, FirstDifference, NoDifference, share
from api.domain.results.triage_cursor import TriageCursors
from api.domain.runs.expected_tests import ExpectedTest
from api.domain.runs.infrastructure import InfrastructureError
from api.domain.runs.run import Run
from api.domain.runs.summary import Summary
from api.domain.runs.unexecuted import SkippedTest
from api.rendering.runs import BELOW_RUN, run_links
from api.rendering.runtimes import runtime_changes
from api.services.results.comparisons import Basis
from api.specfirst.responses.json_responses import encode

Json = dict[str, Any]

BUCKET_LIMIT = 500
INFRASTRUCTURE_LIMIT = 10
SKIPPED_LIMIT = 500
MAX_MESSAGE_LENGTH = 300
UNTESTED_LIMIT, SUSPECT_LIMIT = 20, 5
# No failure takes fewer bytes.
LEAST_ENTRY = 400
# Bytes of each difference that are kept free for it: some words on either side, and always the character that differs.
RESERVED = 180


def base_run(found: BaseRun | None) -> Json | None:
    """The run that is compared with."""
    if found is None:
        return None
    untested = _commits(found.untested)
    return {
        "run_id": found.run_id, "commit_sha": shown_commit(found.commit), "branch": found.branch and cut(found.branch, 100),
        "status": found.status.value, "reason": found.reason.value, "assumed_order": found.reason is BaseReason.BEFORE,
        "untested_commits": untested[:UNTESTED_LIMIT], "untested_count": len(untested)}


def _commits(commits: Sequence[str]) -> list[str]:
    return [commit for commit in commits if commit_is_exact(commit)]


def comparison(run_id: int, basis: Basis, tests: Sequence[Compared], runtimes: RuntimeChanges, api_base: str) -> Json:
    """What a run fixed and broke, bucket by bucket, and made slower; tests that pass in both are counted alone."""
    base = base_run(basis.shown)
    shown: Json = {"run_id": run_id, "base": base and base | {"links": run_links(base["run_id"], api_base)}}
    for bucket in Bucket:
        members = [test for test in tests if test.bucket is bucket]
        shown[f"{bucket.value}_count"] = len(members)
        if bucket is not Bucket.PASSING:
            shown[bucket.value] = [_compared(test, basis) for test in members[:BUCKET_LIMIT]]
    return shown | {"runtimes": runtime_changes(runtimes)}


def _compared(found: Compared, basis: Basis) -> Json:
    test = found.either.test
    return {
        "regression_id": found.regression_id, "sample_id": test.sample_id, "category": cut(test.category, 100),
        "base": _side(found.base), "base_run_id": basis.others.get(found.regression_id), "run": _side(found.run),
        "outputs": [_hashes(each) for each in found.outputs[:20]]}


def _side(test: JudgedTest | None) -> Json | None:
    if test is None:
        return None
    report = test.reports.report
    return {"status": test.verdict.value, "exit_code": None if report is None else report.exit_code}


def _hashes(found: OutputHashes) -> Json:
    return {
        "output_id": found.output_id, "base_expected": _digest(found.base_expected), "base_actual": _digest(found.base_actual),
        "run_expected": _digest(found.run_expected), "run_actual": _digest(found.run_actual)}


def _digest(text: str | None) -> str | None:
    return None if not text else text[:64]


@dataclass(frozen=True, slots=True)
class Causes:
    """The analysis of a run: its state, the sentence about its clusters, and these as JSON, from the longest form to the shortest."""

    analysis: Json
    verdict: Json
    forms: Sequence[Sequence[Json]] = ((),)

    def shown(self, budget: int) -> Json:
        """The clusters in the longest form in which all fit into so many bytes, else as many as fit in the shortest."""
        clusters = next((each for each in self.forms if len(encode(list(each))) <= budget), self.forms[-1])
        ends = accumulate(len(encode(each)) + 1 for each in clusters)
        fitting = [each for each, end in zip(clusters, ends, strict=True) if end <= budget]
        return {
            "verdict": self.verdict, "analysis": self.analysis, "clusters": fitting,
            "clusters_omitted_count": len(clusters) - len(fitting)}


@dataclass(frozen=True, slots=True)
class Failures:
    """The failing tests of a run, how many of those are wanted, and those from `start` on, which are to be shown as far as they fit."""

    all: Sequence[FailingTest]
    wanted_count: int
    start: int
    page: Sequence[FailingTest]
    cursors: TriageCursors


def triage(
    run: Run, judged: JudgedRun, skipped: Sequence[SkippedTest], base: BaseRun | None, failures: Failures, runtimes: RuntimeChanges,
    causes: Causes, *, api_base: str, max_bytes: int,
) -> Json:
    """A run's failures within so many bytes of JSON: each failure in short, and shared fairly among them, what differs."""
    left, origins = max(0, failures.wanted_count - failures.start), Counter(test.origin for test in failures.all)
    shown: Json = {
        "run_id": run.run_id, "status": run.status.value, "commit_sha": shown_commit(run.commit), "counts": _counts(judged.summary),
        "infrastructure_errors": _infrastructure_errors(judged.infrastructure[:INFRASTRUCTURE_LIMIT], max_bytes // 4),
        "infrastructure_error_count": len(judged.infrastructure), "skipped": _skipped(skipped[:SKIPPED_LIMIT], max_bytes // 4),
        "skipped_count": len(skipped), "base": base_run(base), "runtimes": runtime_changes(runtimes, max_bytes // 16),
        "origins": {origin.value: origins[origin] for origin in Origin},
        **causes.shown(max_bytes * 2 // 5), "failures": [], "failure_count": len(failures.all),
        "omitted_count": left, "next_cursor": failures.cursors.at(failures.wanted_count),
        "differences_omitted_count": left, "max_bytes": max_bytes,
        "links": BELOW_RUN | {"self": f"{api_base}/runs/{run.run_id}/triage"}}
    entries = _fitting(failures.page, max_bytes - len(encode(shown)))
    unknown, omitted = sum("difference_omitted" in entry for entry in entries), left - len(entries)
    return shown | {
        "failures": entries, "omitted_count": omitted,
        "next_cursor": failures.cursors.at(failures.start + len(entries)) if omitted else None,
        "differences_omitted_count": unknown}


def _counts(counts: Summary) -> Json:
    return {
        "total_samples": counts.total_samples, "pass_count": counts.pass_count, "fail_count": counts.fail_count,
        "missing_output_count": counts.missing_output_count, "skipped_count": counts.skipped_count,
        "pending_count": counts.pending_count, "error_count": counts.error_count}


def _skipped(tests: Sequence[SkippedTest], budget: int) -> list[Json]:
    """The first tests without a result that fit into so many bytes of JSON."""
    entries = [{
        "regression_id": each.judged.test.regression_id, "sample_id": each.judged.test.sample_id,
        "category": cut(each.judged.test.category, 100), "reason": each.reason.value} for each in tests]
    ends = accumulate(len(encode(entry)) + 1 for entry in entries)
    return [entry for entry, end in zip(entries, ends, strict=True) if end <= budget]


def _infrastructure_errors(errors: Sequence[InfrastructureError], budget: int) -> list[Json]:
    """Infrastructure errors whose messages share so many bytes of JSON."""
    messages = [cut(error.message, MAX_MESSAGE_LENGTH) for error in errors]
    parts = share(budget, [len(encode(message)) for message in messages])
    return [
        {"type": error.type.value, "code": error.code, "severity": error.severity.value, "message": _cut_to_bytes(message, part)}
        for error, message, part in zip(errors, messages, parts, strict=True)]


def _cut_to_bytes(text: str, size: int) -> str:
    """As much of a text's beginning as fits into so many bytes of JSON, of which an ellipsis alone takes five."""
    if len(encode(text)) <= size:
        return text
    length = bisect_right(range(2, len(text)), size, key=lambda each: len(encode(cut(text, each)))) + 1
    return cut(text, length)


def _entry(found: FailingTest) -> Json:
    test, report = found.judged.test, found.judged.reports.report
    primary = found.failures[0]
    since = found.since.run
    shown: Json = {
        "regression_id": test.regression_id, "sample_id": test.sample_id, "category": cut(test.category, 100),
        "command": cut(test.command, 100), "status": found.judged.verdict.value, "type": primary.code.type.value,
        "code": primary.code.value, "codes": sorted({failure.code.value for failure in found.failures}),
        "attribution": primary.code.attribution.value, "exit_code": None if report is None else report.exit_code,
        "expected_exit_code": primary.expected_exit_code, "signature": primary.signature,
        "failing_since": {
            "run_id": since.run_id, "commit_sha": since.commit[:40] if commit_is_exact(since.commit) else None,
            "at_least": found.since.at_least, "assumed_order": found.since.is_assumed},
        "origin": found.origin.value, "in_base": found.in_base, "first_difference": None,
        "next": next_call(found.judged.test, found.output_id)}
    if found.base_run_id is not None:
        shown |= {"base_run_id": found.base_run_id, "untested_commits": _commits(found.untested)[:SUSPECT_LIMIT]}
    return shown | {"difference_omitted": found.difference.value} if isinstance(found.difference, NoDifference) else shown


def next_call(test: ExpectedTest, output_id: int | None) -> str:
    """What tells more of a failure to a token of the default scopes, which logs are not for; relative to the triage's address."""
    if output_id is not None:
        return f"samples/{test.sample_id}/diff?regression_id={test.regression_id}&output_id={output_id}"
    return f"samples/{test.sample_id}?regression_id={test.regression_id}"


def _fitting(tests: Sequence[FailingTest], budget: int) -> list[Json]:
    """The failures that fit, each with at least the text of its difference that is reserved for it."""
    entries: list[Json] = []
    wants: list[int] = []
    reserved = 0
    for test in tests:
        entry, wanted = _entry(test), _wanted(test)
        size, reserve = len(encode(entry)) + 1, min(wanted, RESERVED)
        if size + reserved + reserve > budget:
            break
        entries.append(entry)
        wants.append(wanted)
        budget, reserved = budget - size, reserved + reserve
    for entry, test, part in zip(entries, tests, share(budget, wants), strict=False):
        if isinstance(test.difference, FirstDifference):
            entry["first_difference"] = _fitting_difference(test, test.difference, part)
    return entries


def _wanted(found: FailingTest) -> int:
    return len(encode(_difference(found, found.difference, WIDTH))) if isinstance(found.difference, FirstDifference) else 0


def _difference(found: FailingTest, difference: FirstDifference, width: int) -> Json:
    expected, actual = difference.shown(width)
    shown = {
        "output_id": found.output_id, "line": difference.line, "column": difference.column, "expected": expected, "actual": actual}
    named = {"no_newline": difference.no_newline, "bom": difference.bom}
    return shown | {name: side for name, side in named.items() if side is not None}


def _fitting_difference(found: FailingTest, difference: FirstDifference, budget: int) -> Json:
    """The first difference with as much text as its part of the budget allows, which is more than one character takes."""
    width = min(WIDTH, budget)
    while width > 1 and len(encode(_difference(found, difference, width))) > budget:
        width = width * 3 // 4
    return _difference(found, difference, width)
