"""Operations by which people keep regression tests: define, edit, delete, and see how each fared."""
from __future__ import annotations

from http import HTTPStatus
from typing import Any

from api.domain.catalog.change import version_of
from api.domain.catalog.definition import Definition, DefinitionEdit, NewOutput
from api.domain.catalog.regression_test import RegressionTest
from api.domain.results.history import HistoryFilter
from api.domain.results.result import Verdict
from api.domain.runs.run import Platform, RunStatus
from api.handlers.library.samples import editor
from api.rendering import library as render_library
from api.rendering import runs as render_runs
from api.rendering import samples as render_samples
from api.services.catalog import library_tests
from api.specfirst import request_context
from api.storage.catalog import regression_tests, samples
from api.storage.results import history

Answer = tuple[dict[str, Any], int, dict[str, str]]


def get_regression_test(regression_id: int) -> Answer:
    """Show the definition of a regression test."""
    return _shown(regression_tests.load_regression_test(regression_id))


def create_regression_test(body: dict[str, Any]) -> Answer:
    """Make a regression test."""
    outputs = body.get("outputs")
    made = library_tests.create_test(Definition(
        body["sample_id"], body["command"], tuple(body["categories"]), body["input_type"], body["output_type"],
        body["expected_exit_code"], body["description"], body["active"], None if outputs is None else tuple(map(_output, outputs)),
    ), editor(), request_context.now())
    return _shown(made, HTTPStatus.CREATED)


def update_regression_test(regression_id: int, body: dict[str, Any], if_match: str | None = None) -> Answer:
    """Change a regression test for runs that are made from now on."""
    categories = body.get("categories")
    edit = DefinitionEdit(
        body.get("command"), None if categories is None else tuple(categories), body.get("input_type"), body.get("output_type"),
        body.get("expected_exit_code"), body.get("description"), body.get("active"))
    return _shown(library_tests.edit_test(regression_id, edit, if_match, editor(), request_context.now()))


def delete_regression_test(regression_id: int, if_match: str | None = None) -> tuple[None, int]:
    """Delete a regression test that has no results."""
    library_tests.delete_test(regression_id, if_match, editor(), request_context.now())
    return None, HTTPStatus.NO_CONTENT


def list_regression_test_history(
    regression_id: int, limit: int, offset: int, status: str | None = None, result_status: str | None = None,
    branch: str | None = None, platform: str | None = None,
) -> dict[str, Any]:
    """List how a regression test fared, newest run first."""
    sample_id = regression_tests.load_regression_test(regression_id).definition.sample_id
    wanted = HistoryFilter(
        run_status=RunStatus(status) if status else None, verdict=Verdict(result_status) if result_status else None, branch=branch,
        platform=Platform(platform) if platform else None)
    found = history.list_history([regression_id], wanted, limit=limit, offset=offset)
    last = [render_samples.history_entry(entry, sample_id) for entry in history.list_newest([regression_id])[regression_id]]
    return render_runs.page(found, lambda entry: render_samples.history_entry(entry, sample_id)) | {"last": last}


def add_output(regression_id: int, body: dict[str, Any], if_match: str | None = None) -> Answer:
    """Have a regression test produce one more file."""
    changed = library_tests.add_output(regression_id, _output(body), if_match, editor(), request_context.now())
    return _shown(changed, HTTPStatus.CREATED)


def update_output(regression_id: int, output_id: int, body: dict[str, Any], if_match: str | None = None) -> Answer:
    """Change an output of a regression test."""
    return _shown(library_tests.edit_output(
        regression_id, output_id, body.get("suffix"), body.get("ignored"), if_match, editor(), request_context.now()))


def delete_output(regression_id: int, output_id: int, if_match: str | None = None) -> tuple[None, int]:
    """Delete an output that has no results."""
    library_tests.delete_output(regression_id, output_id, if_match, editor(), request_context.now())
    return None, HTTPStatus.NO_CONTENT


def _shown(test: RegressionTest, status: int = HTTPStatus.OK) -> Answer:
    name = samples.load_sample(test.definition.sample_id).name
    return render_library.regression_test(test, name), status, {"ETag": version_of(library_tests.test_values(test))}


def _output(body: dict[str, Any]) -> NewOutput:
    return NewOutput(body["extension"], body.get("suffix", ""), body.get("ignored", False))
