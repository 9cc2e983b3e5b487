"""What people keep of the library, as JSON."""
from __future__ import annotations

from typing import Any

from api.domain.catalog.change import LibraryChange
from api.domain.catalog.media_info import MediaInfo
from api.domain.catalog.regression_test import RegressionTest
from api.domain.display_bounds import cut
from api.domain.runs.expected_tests import ExpectedOutput
from api.rendering.runs import marked
from api.rendering.samples import sample_detail
from api.services.catalog.library_samples import KeptSample
from api.storage.catalog.labels import Label
from api.storage.catalog.sample_rows import ExtraFile

Json = dict[str, Any]


def extra_file(found: ExtraFile) -> Json:
    """A further file of a sample."""
    return {"extra_id": found.extra_id, "name": cut(found.name, 255)}


def kept_sample(found: KeptSample, info: MediaInfo | None, *, readable: bool = True) -> Json:
    """A sample with all that can be edited of it."""
    upload = found.upload
    return sample_detail(found.sample, info, readable=readable) | {
        "extra_files": [extra_file(each) for each in found.extra_files[:50]],
        "upload": None if upload is None else {
            "version": cut(upload.version, 10), "platform": cut(upload.platform, 50), "parameters": cut(upload.parameters, 1000)}}


def library_change(found: LibraryChange) -> Json:
    """Who changed what, and what was different afterwards."""
    return {
        "change_id": found.change_id, "kind": found.kind.value, "subject_id": found.subject_id, "action": found.action.value,
        "changed_by": found.changed_by, "changed_at": found.changed_at, "before": found.before, "after": found.after}


def tag(found: Label) -> Json:
    """A tag of samples."""
    return {"tag_id": found.label_id, "name": cut(found.name, 64), "description": cut(found.description, 1024)}


def category(found: Label) -> Json:
    """A group of regression tests."""
    return {
        "category_id": found.label_id, "name": cut(found.name, 64), "description": cut(found.description, 1024),
        "regression_count": found.uses}


def regression_test(found: RegressionTest, sample_name: str) -> Json:
    """All that is defined of a regression test."""
    test = found.definition
    stored = {
        "sample_name": sample_name, "command": test.command, "input_type": test.input_type, "output_type": test.output_type,
        "description": found.description, "categories": list(test.categories), "outputs": [_output(each) for each in test.outputs]}
    shown = {
        "sample_name": cut(sample_name, 255), "command": cut(test.command, 500), "input_type": cut(test.input_type, 50),
        "output_type": cut(test.output_type, 50), "description": cut(found.description, 1024),
        "categories": [cut(each, 100) for each in test.categories[:50]], "outputs": [_output(each) for each in test.outputs[:100]]}
    return marked(stored, shown) | {
        "regression_id": test.regression_id, "sample_id": test.sample_id, "expected_exit_code": test.expected_exit_code,
        "active": found.active}


def _output(output: ExpectedOutput) -> Json:
    return {
        "output_id": output.output_id, "extension": cut(output.extension, 64), "suffix": cut(output.suffix, 255),
        "ignored": output.ignored, "baseline": cut(output.baseline, 64) if output.has_baseline else None,
        "variants": [cut(each, 64) for each in output.acceptable[:100]]}
