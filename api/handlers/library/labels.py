"""Operations on tags and categories, and the list of what people changed in the library."""
from __future__ import annotations

from http import HTTPStatus
from typing import Any

from api.domain.catalog.change import LibraryKind
from api.handlers.library.samples import editor
from api.rendering import library as render_library
from api.rendering.runs import page
from api.services.catalog import library_labels
from api.specfirst import request_context
from api.storage.catalog import changes, labels


def list_tags(limit: int, offset: int) -> dict[str, Any]:
    """List tags."""
    return page(labels.list_tags(limit=limit, offset=offset), render_library.tag)


def create_tag(body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Add a tag."""
    made = library_labels.create_tag(body["name"], body["description"], editor(), request_context.now())
    return render_library.tag(made), HTTPStatus.CREATED


def delete_tag(tag_id: int) -> tuple[None, int]:
    """Delete a tag that no sample has."""
    library_labels.delete_tag(tag_id, editor(), request_context.now())
    return None, HTTPStatus.NO_CONTENT


def list_library_changes(limit: int, offset: int, kind: str | None = None, subject_id: int | None = None) -> dict[str, Any]:
    """List who changed what in the library."""
    found = changes.list_changes(LibraryKind(kind) if kind else None, subject_id, limit=limit, offset=offset)
    return page(found, render_library.library_change)


def list_categories(limit: int, offset: int) -> dict[str, Any]:
    """List categories."""
    return page(labels.list_categories(limit=limit, offset=offset), render_library.category)


def create_category(body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Add a category."""
    made = library_labels.create_category(body["name"], body["description"], editor(), request_context.now())
    return render_library.category(made), HTTPStatus.CREATED


def update_category(category_id: int, body: dict[str, Any]) -> dict[str, Any]:
    """Rename or describe a category."""
    return render_library.category(library_labels.edit_category(
        category_id, body.get("name"), body.get("description"), editor(), request_context.now()))


def delete_category(category_id: int) -> tuple[None, int]:
    """Delete a category that no regression test is in."""
    library_labels.delete_category(category_id, editor(), request_context.now())
    return None, HTTPStatus.NO_CONTENT
