"""Samples, regression tests and what they are found by, as the platform's JSON."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from api.domain.catalog.media_info import MediaInfo
from api.domain.catalog.regression_test import RegressionTest
from api.domain.catalog.sample import Sample, without_dot
from api.domain.display_bounds import cut, cut_optional, shown_commit
from api.domain.results.approval import Approval
from api.domain.results.history import HistoryEntry
from api.domain.runs.expected_tests import ExpectedOutput
from api.rendering.platform.errors import signature
from api.rendering.platform.runs import shown_categories
from api.storage.catalog.labels import Label
from api.storage.catalog.sample_rows import ExtraFile
from api.storage.catalog.shelves import Arrival, Variant
from api.storage.catalog.waiting_uploads import WaitingUpload
from api.storage.files.stored_file import Found

Json = dict[str, Any]

TAG_LIMIT, FILE_LIMIT, OUTPUT_LIMIT, VARIANT_LIMIT = 100, 1000, 100, 1000


def sample(found: Sample, test_count: int, tags: Mapping[str, int]) -> Json:
    """A media sample, which so many active tests use; `tags` are the tags' numbers, whose order theirs is."""
    return _sample(found, tags) | {"regression_test_count": test_count, "active": test_count > 0}


def sample_details(
    found: Sample, tags: Mapping[str, int], arrival: Arrival | None, extra_files: Sequence[ExtraFile], info: MediaInfo | None,
) -> Json:
    """A media sample with all that is known of it."""
    return _sample(found, tags) | {
        "upload": None if arrival is None else _upload(arrival), "extra_files": [_extra_file(each) for each in extra_files[:FILE_LIMIT]],
        "media_info": None if info is None else [{name: fields} for name, fields in info.items()]}


def _sample(found: Sample, tags: Mapping[str, int]) -> Json:
    extension = without_dot(found.extension)
    return {
        "sample_id": found.sample_id, "sha": cut(found.sha, 128), "extension": cut(extension, 64), "original_name": cut(found.name, 255),
        "filename": cut(f"{found.sha}.{extension}" if extension else found.sha, 255),
        "tags": shown_tags(found, tags)}


def shown_tags(found: Sample, tags: Mapping[str, int]) -> list[str]:
    """The tags of a sample, in the order of their numbers."""
    return [cut(tag, 64) for tag in sorted(found.tags, key=lambda name: tags.get(name, 0))[:TAG_LIMIT]]


def _upload(found: Arrival) -> Json:
    return {
        "platform": cut(found.platform, 50), "parameters": cut(found.parameters, 1024), "notes": cut(found.notes, 4096),
        "version": cut_optional(found.version, 50), "version_released": found.released}


def _extra_file(found: ExtraFile) -> Json:
    return {"id": found.extra_id, "original_name": cut(found.name, 255), "extension": cut(found.extension, 64)}


def stored_file(name: str, place: Found, url: str | None) -> Json:
    """Where a file is."""
    return {"filename": cut(name.rpartition("/")[2], 255), "download_url": url, "storage_status": place.status.value}


def history_entry(found: HistoryEntry) -> Json:
    """What became of a test in one run."""
    return {
        "run_id": found.run_id, "regression_test_id": found.regression_id, "status": found.verdict.value, "platform": found.platform.value,
        "branch": cut_optional(found.branch, 100), "commit_sha": shown_commit(found.commit), "tested_at": found.run_ended_at,
        "failure_signature": signature(found.signature)}


def regression_test(found: RegressionTest, name: str) -> Json:
    """A regression test; `name` is its sample's."""
    test = found.definition
    return {
        "regression_test_id": test.regression_id, "sample_id": test.sample_id, "sample_name": cut(name, 255),
        "command": cut(test.command, 500), "input_type": cut(test.input_type, 50), "output_type": cut(test.output_type, 50),
        "expected_rc": test.expected_exit_code, "active": found.active, "categories": shown_categories(test),
        "description": cut(found.description, 1024)}


def output(found: ExpectedOutput, variants: Mapping[int, Sequence[Variant]]) -> Json:
    """One output of a regression test; `variants` are by output."""
    return {
        "id": found.output_id, "correct": cut(found.baseline, 128), "correct_extension": cut(found.extension, 64),
        "expected_filename": cut(found.suffix, 255), "ignore": found.ignored,
        "variants": [variant(each) for each in variants.get(found.output_id, ())[:VARIANT_LIMIT]]}


def variant(found: Variant) -> Json:
    """An acceptable hash."""
    return {"id": found.variant_id, "hash": cut(found.digest, 128)}


def variant_filed(variant_id: int | None, filed: Approval, status: str) -> Json:
    """A request about an acceptable hash."""
    return {
        "id": variant_id, "hash": cut(filed.proposal.hash_after, 128), "approval_id": str(filed.approval_id), "status": status}


def waiting_upload(found: WaitingUpload) -> Json:
    """An upload that waits to be described."""
    return {
        "id": found.sample_id, "sha": cut(found.sha, 128), "extension": cut(found.extension, 64), "original_name": cut(found.name, 255),
        "user_id": found.user_id}


def described_upload(found: WaitingUpload) -> Json:
    """The sample that an upload is."""
    return {"sample_id": found.sample_id, "sha": cut(found.sha, 128), "original_name": cut(found.name, 255)}


def extra_file_name(found: ExtraFile) -> str:
    """What a further file is called."""
    return cut(found.name, 255)


def category(found: Label) -> Json:
    """A group of regression tests."""
    return {
        "id": found.label_id, "name": cut(found.name, 64), "description": cut(found.description, 1024), "test_count": found.uses or 0}


def tag(found: Label) -> Json:
    """A word that samples are found by."""
    return {"id": found.label_id, "name": cut(found.name, 64), "description": cut(found.description, 1024)}
