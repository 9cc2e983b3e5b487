"""Runs and their results as the platform's JSON."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

from orjson import Fragment

from api.domain.catalog.sample import UNLABELLED, SampleLabel
from api.domain.display_bounds import cut, cut_optional, shown_commit, shown_repository
from api.domain.page import Page
from api.domain.results.exit_code import signed_32_bits
from api.domain.results.result import JudgedTest, OutputStatus, expected_exit_code
from api.domain.results.sample_result import ShownOutput, shown_outputs
from api.domain.runs.expected_tests import ExpectedTest, ExpectedTests
from api.domain.runs.run import ProgressEvent, Run
from api.domain.runs.summary import Summary
from api.rendering import runs as ours
from api.specfirst.responses.json_responses import encode

T = TypeVar("T")
Json = dict[str, Any]

REMEMBERED_RUNS = 1024
TEST_LIMIT, OUTPUT_LIMIT, CATEGORY_LIMIT = 10_000, 100, 100
# The statuses of outputs that came; of one that did not, nothing is shown.
OUTPUT_WORDS = {OutputStatus.MATCH: "pass", OutputStatus.DIFF_MISMATCH: "fail", OutputStatus.MISSING_EXPECTED: "missing_expected"}


def page(found: Page[T], render: Callable[[T], Any], meta: Mapping[str, int] | None = None) -> Json:
    """A page of a list, with what is told beside it."""
    return ours.page(found, render) | {"meta": dict(meta or {})}


@lru_cache(maxsize=REMEMBERED_RUNS)
def listed_run(found: Run) -> Fragment:
    """A run as an item of a list, encoded; most of the runs of a list were in the one before, unchanged."""
    return Fragment(encode(run(found)))


def run(found: Run) -> Json:
    """A run."""
    repository, commit, created_at = shown_repository(found.repository), shown_commit(found.commit), known_creation(found)
    place = f"commit/{commit}" if found.pull_request is None else f"pull/{found.pull_request}"
    return {
        "run_id": found.run_id, "status": found.status.value, "platform": found.platform.value,
        "test_type": "commit" if found.pull_request is None else "pr", "repository": repository,
        "branch": cut_optional(found.branch, 100), "commit_sha": commit, "pr_number": found.pull_request, "created_at": created_at,
        "queued_at": created_at, "started_at": found.started_at, "completed_at": found.completed_at,
        "github_link": f"https://github.com/{repository}/{place}"}


def known_creation(found: Run) -> datetime | None:
    """When a run was made; None where only a stand-in is known."""
    return None if "created_at" in found.altered else found.created_at


def run_summary(found: Run, counts: Summary) -> Json:
    """The counts of a run."""
    return {
        "run_id": found.run_id, "status": found.status.value, "total_samples": counts.total_samples, "pass_count": counts.pass_count,
        "fail_count": counts.fail_count, "skipped_count": counts.skipped_count, "missing_output_count": counts.missing_output_count,
        "error_count": counts.error_count, "duration_ms": found.duration_ms}


def progress_event(event: ProgressEvent) -> Json:
    """One event of a run's progress."""
    return {"timestamp": event.at, "status": event.phase.value, "message": cut(event.message, 500)}


def run_config(found: Run, expected: ExpectedTests) -> Json:
    """What a run is to execute."""
    return {
        "run_id": found.run_id, "platform": found.platform.value, "branch": cut(found.branch or "", 100),
        "commit_sha": shown_commit(found.commit), "regression_test_ids": [test.regression_id for test in expected.tests[:TEST_LIMIT]]}


def run_sample(judged: JudgedTest, labels: Mapping[int, SampleLabel]) -> Json:
    """The result of a regression test in a run; `labels` are by sample id."""
    test, report = judged.test, judged.reports.report
    exit_code = None if report is None else report.exit_code
    runtime = None if report is None else report.runtime_ms
    return {
        "regression_test_id": test.regression_id, "sample_id": test.sample_id,
        "sample_name": cut(labels.get(test.sample_id, UNLABELLED).name, 255) or None, "categories": shown_categories(test),
        "command": cut(test.command, 500), "status": judged.verdict.value, "runtime_ms": None if runtime is None else max(0, runtime),
        "exit_code": None if exit_code is None else signed_32_bits(exit_code),
        "expected_rc": test.expected_exit_code if report is None else expected_exit_code(test, report),
        "outputs": [_output(test, each) for each in shown_outputs(judged) if each.status in OUTPUT_WORDS][:OUTPUT_LIMIT]}


def shown_categories(test: ExpectedTest) -> list[str]:
    """The categories of a test, in their own order."""
    return [cut(name, 100) for name in test.categories[:CATEGORY_LIMIT]]


def _output(test: ExpectedTest, found: ShownOutput) -> Json:
    output = test.output(found.output_id)
    filename = found.expected_hash + ("" if output is None else output.extension)
    return {"output_id": found.output_id, "filename": cut(filename, 255), "status": OUTPUT_WORDS[found.status]}
