"""Operations that keep the library, as the Sample Platform has them."""
from __future__ import annotations

from http import HTTPStatus
from typing import Any

from api.domain.catalog.definition import Definition, DefinitionEdit
from api.domain.catalog.regression_test import RegressionTest
from api.handlers.library.samples import editor
from api.rendering.platform import library as render
from api.services.catalog import library_labels, library_samples, library_tests
from api.services.catalog.library_samples import SampleEdit
from api.specfirst import request_context
from api.storage.catalog import samples, shelves
from api.storage.files.archive import Archive

Json = dict[str, Any]


def platform_create_category(body: Json) -> tuple[Json, int]:
    """Add a category."""
    made = library_labels.create_category(body["name"], body["description"], editor(), request_context.now())
    return render.category(made), HTTPStatus.CREATED


def platform_update_category(category_id: int, body: Json) -> Json:
    """Rename or describe a category."""
    return render.category(library_labels.edit_category(
        category_id, body.get("name"), body.get("description"), editor(), request_context.now()))


def platform_delete_category(category_id: int) -> Json:
    """Delete a category that no test is in."""
    library_labels.delete_category(category_id, editor(), request_context.now())
    return {"id": category_id, "deleted": True}


def platform_create_tag(body: Json) -> tuple[Json, int]:
    """Add a tag."""
    made = library_labels.create_tag(body["name"], body["description"], editor(), request_context.now())
    return render.tag(made), HTTPStatus.CREATED


def platform_create_regression_test(body: Json) -> tuple[Json, int]:
    """Make a regression test."""
    made = library_tests.create_test(Definition(
        body["sample_id"], body["command"], tuple(body["categories"]), body["input_type"], body["output_type"], body["expected_rc"],
        body["description"], body["active"]), editor(), request_context.now())
    return _shown(made), HTTPStatus.CREATED


def platform_update_regression_test(regression_test_id: int, body: Json) -> Json:
    """Change a regression test."""
    categories = body.get("categories")
    edit = DefinitionEdit(
        body.get("command"), None if categories is None else tuple(categories), body.get("input_type"), body.get("output_type"),
        body.get("expected_rc"), body.get("description"), body.get("active"))
    return _shown(library_tests.edit_test(regression_test_id, edit, None, editor(), request_context.now()))


def _shown(test: RegressionTest) -> Json:
    return render.regression_test(test, samples.load_sample(test.definition.sample_id).name)


def platform_delete_regression_test(regression_test_id: int) -> Json:
    """Delete a regression test that has no results."""
    library_tests.delete_test(regression_test_id, None, editor(), request_context.now())
    return {"id": regression_test_id, "deleted": True}


def platform_update_sample(sample_id: int, body: Json) -> Json:
    """Change what is known of a sample."""
    tags = body.get("tags")
    edit = SampleEdit(
        None, body.get("notes"), None if tags is None else tuple(tags), body.get("version"), body.get("platform"), body.get("parameters"))
    kept = library_samples.edit_sample(sample_id, edit, None, editor(), request_context.now())
    return {"sample_id": sample_id, "tags": render.shown_tags(kept.sample, shelves.load_tag_ids())}


def platform_delete_sample(sample_id: int) -> Json:
    """Delete a sample that no test is made of."""
    library_samples.delete_sample(sample_id, None, request_context.collaborator(Archive), editor(), request_context.now())
    return {"sample_id": sample_id, "deleted": True}


def platform_delete_extra_file(sample_id: int, extra_id: int) -> Json:
    """Delete a further file of a sample."""
    library_samples.delete_extra_file(
        sample_id, extra_id, request_context.collaborator(Archive), editor(), request_context.now())
    return {"id": extra_id, "deleted": True}
