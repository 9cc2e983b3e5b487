"""Samples, their results and regression tests as JSON."""
from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from api.domain.catalog.media_info import MediaInfo
from api.domain.catalog.regression_test import RegressionTest
from api.domain.catalog.sample import TAG_LENGTH, Sample, without_dot
from api.domain.causes.stability import Stability
from api.domain.display_bounds import cut, cut_optional, shown_commit
from api.domain.files.content_type import content_type_of
from api.domain.files.storage_status import StorageStatus
from api.domain.results.exit_code import signed_32_bits
from api.domain.results.history import HistoryEntry
from api.domain.results.result import JudgedTest, expected_exit_code
from api.domain.results.sample_result import ShownOutput, categories_of, result_message, shown_outputs
from api.domain.runs.expected_tests import ExpectedOutput, ExpectedTest
from api.rendering.runs import marked
from api.storage.files.paths import result_name
from api.storage.files.stored_file import NOWHERE, Found

Json = dict[str, Any]

TAG_LIMIT, OUTPUT_LIMIT = 50, 20
SHA256 = re.compile(r"[0-9a-fA-F]{64}\Z")
NO_HASH = "0" * 64


def run_sample(run_id: int, judged: JudgedTest, tags: Sequence[str]) -> Json:
    """The result of a regression test in a run."""
    test, report = judged.test, judged.reports.report
    category, message, outputs = categories_of(test)[0], result_message(judged), shown_outputs(judged)
    stored = {
        "category": category, "command": test.command, "tags": list(tags), "outputs": [_output(output) for output in outputs],
        "result_message": message, "runtime_ms": report and report.runtime_ms}
    shown = {
        "category": cut(category, 100), "command": cut(test.command, 500), "tags": shown_tags(tags),
        "outputs": [_output(output) for output in outputs[:OUTPUT_LIMIT]], "result_message": cut_optional(message, 500),
        "runtime_ms": None if report is None or report.runtime_ms is None else max(0, report.runtime_ms)}
    result = marked(stored, shown) | {
        "run_id": run_id, "sample_id": test.sample_id, "regression_id": test.regression_id, "status": judged.verdict.value,
        "exit_code": None, "expected_exit_code": test.expected_exit_code, "tags_total": len(tags),
        "outputs_total": len(outputs)}
    if report is None:
        return result
    return result | {
        "exit_code": None if report.exit_code is None else signed_32_bits(report.exit_code),
        "expected_exit_code": expected_exit_code(test, report)}


def _output(output: ShownOutput) -> Json:
    return {
        "output_id": output.output_id, "status": output.status.value, "expected_hash": _hash(output.expected_hash),
        "actual_hash": _hash(output.actual_hash), "proposed": output.is_proposed}


def _hash(digest: str | None) -> str | None:
    return digest if digest and SHA256.match(digest) else None


def shown_tags(tags: Sequence[str]) -> list[str]:
    """Tags as the contract has room for them."""
    return [cut(tag, TAG_LENGTH) for tag in tags[:TAG_LIMIT]]


def sample(found: Sample) -> Json:
    """A media sample."""
    stored = {
        "sha256": found.sha, "name": found.name, "extension": without_dot(found.extension), "tags": list(found.tags), "notes": found.notes}
    shown = {
        "sha256": _hash(found.sha) or NO_HASH, "name": cut(found.name, 255), "extension": cut(without_dot(found.extension), 10),
        "tags": shown_tags(found.tags), "notes": cut_optional(found.notes, 1000)}
    return marked(stored, shown) | {"sample_id": found.sample_id, "tags_total": len(found.tags)}


def sample_detail(found: Sample, info: MediaInfo | None, *, readable: bool) -> Json:
    """A media sample with its media info; `readable` is false where what is stored of it cannot be shown."""
    shown = sample(found)
    if info is not None:
        shown["media_info"] = info
    elif not readable:
        shown |= {"media_info": {}, "altered_fields": [*shown.get("altered_fields", ()), "media_info"]}
    return shown


def history_entry(entry: HistoryEntry, sample_id: int) -> Json:
    """The verdict of a regression test in a run."""
    stored = {"commit_sha": entry.commit, "branch": entry.branch, "runtime_ms": entry.runtime_ms}
    shown = {
        "commit_sha": shown_commit(entry.commit), "branch": cut_optional(entry.branch, 100),
        "runtime_ms": None if entry.runtime_ms is None else max(0, entry.runtime_ms)}
    # In its own words: a run's creation is called after the run here, and its times of testing are not shown.
    unreadable = [name for field, name in (("created_at", "run_created_at"), ("platform", "platform")) if field in entry.altered]
    return marked(stored, shown, unreadable) | {
        "run_id": entry.run_id, "sample_id": sample_id, "regression_id": entry.regression_id,
        "run_created_at": entry.run_created_at, "run_status": entry.run_status.value, "platform": entry.platform.value,
        "status": entry.verdict.value,
        "failure_signature": entry.signature}


def baseline_names(tests: Sequence[RegressionTest]) -> list[str | None]:
    """The files whose whereabouts a page of regression tests tells."""
    return [
        result_name(output.baseline, output.extension)
        for test in tests for output in test.definition.outputs[:OUTPUT_LIMIT]]


def regression_test(found: RegressionTest, files: Mapping[str, Found]) -> Json:
    """The definition of a regression test, with its baselines as they were found in the stores."""
    test = found.definition
    category = categories_of(test)[0]
    baselines = [_baseline(test, output, files) for output in test.outputs]
    stored = {"category": category, "command": test.command, "tags": list(found.tags), "expected_outputs": baselines}
    shown = {
        "category": cut(category, 100), "command": cut(test.command, 500), "tags": shown_tags(found.tags),
        "expected_outputs": baselines[:OUTPUT_LIMIT]}
    return marked(stored, shown) | {
        "regression_id": test.regression_id, "sample_id": test.sample_id, "active": found.active, "tags_total": len(found.tags),
        "expected_outputs_total": len(test.outputs)}


def _baseline(test: ExpectedTest, output: ExpectedOutput, files: Mapping[str, Found]) -> Json:
    place = files.get(result_name(output.baseline, output.extension) or "", NOWHERE)
    filename = f"{test.sample_sha}{output.suffix}{output.extension}"
    shown = marked({"filename": filename}, {"filename": cut(filename, 255)}) | {
        "run_id": None, "sample_id": test.sample_id, "regression_id": test.regression_id, "output_id": output.output_id,
        "content_type": content_type_of(output.extension), "encoding": "base64", "content": "", "content_omitted": True,
        "size_bytes": place.size, "storage_status": StorageStatus(place.status).value}
    return shown | ({"sha256": output.baseline} if _hash(output.baseline) else {})


def stability(regression_id: int, found: Stability, result_count: int) -> Json:
    """Whether a test is the same each time, with the pairs of runs that prove that it is not."""
    return {
        "regression_id": regression_id, "state": found.state.value, "result_count": result_count,
        "evidence": [
            {"commit_sha": shown_commit(each.commit), "run_id": each.run_id, "other_run_id": each.other_run_id} for each in found.evidence]}
