"""Operations on tags and categories, and the list of what people changed in the library."""
from __future__ import annotations

from http import HTTPStatus
from typing import Any

from api.domain.catalog.change import LibraryKind
from api.handlers.library_samples import editor
from api.rendering import library as render_library
from api.rendering.runs import page
from api.services import library_labels
from api.specfirst import request_context
from api.storage.catalog import changes, labels


def list_tags(limit: int, offset: int) -> dict[str, Any]:
    """List tags."""
    return page(labels.list_tags(limit=limit, offset=offset), render_library.tag)


def create_tag(body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Add a tag."""
    made = library_labels.create_tag(body["name"], body["description"], editor(), request_context.now())
    return render_library.tag(made), HTTPStatus.CREATED


def list_library_changes(limit: int, offset: int, kind: str | None = None, subject_id: int | None = None) -> dict[str, Any]:
    """List who changed what in the library."""
    found = changes.list_changes(LibraryKind(kind) if kind else None, subject_id, limit=limit, offset=offset)
    return page(found, render_library.library_change)
