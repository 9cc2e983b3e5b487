"""Keeps the tags of samples and the categories of regression tests."""
from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from api.domain.catalog.change import Editor, LibraryKind
from api.domain.catalog.label import check_label
from api.domain.errors import Conflict
from api.storage.catalog import labels
from api.storage.catalog.changes import record_change
from api.storage.catalog.labels import Label
from api.storage.database import transact


def create_tag(name: str, description: str, by: Editor, now: datetime) -> Label:
    """Add a tag. Raises Invalid for what is no name, and Conflict where there is one of this name."""
    check_label(name)

    def create() -> Label:
        tag = labels.insert_tag(name, description)
        record_change(LibraryKind.TAG, tag.label_id, None, _values(tag), by, now)
        return tag

    return transact(create)


def delete_tag(tag_id: int, by: Editor, now: datetime) -> None:
    """Delete a tag. Raises NotFound, and Conflict while a sample has it."""
    transact(partial(_delete_tag, tag_id, by, now))


def _delete_tag(tag_id: int, by: Editor, now: datetime) -> None:
    before = labels.load_tag(tag_id, locked=True)
    if before.uses:
        raise Conflict("Samples have this tag.", {"sample_count": before.uses}, remedy="Take it off them first.")
    labels.delete_tag_row(tag_id)
    record_change(LibraryKind.TAG, tag_id, _values(before), None, by, now)


def create_category(name: str, description: str, by: Editor, now: datetime) -> Label:
    """Add a category. Raises Invalid for what is no name, and Conflict where there is one of this name."""
    check_label(name)

    def create() -> Label:
        category = labels.insert_category(name, description)
        record_change(LibraryKind.CATEGORY, category.label_id, None, _values(category), by, now)
        return category

    return transact(create)


def edit_category(category_id: int, name: str | None, description: str | None, by: Editor, now: datetime) -> Label:
    """Rename or describe a category; None leaves a thing as it is. Raises Invalid, NotFound, and Conflict for a name that is taken."""
    if name is not None:
        check_label(name)
    return transact(partial(_edit_category, category_id, name, description, by, now))


def _edit_category(category_id: int, name: str | None, description: str | None, by: Editor, now: datetime) -> Label:
    before = labels.load_category(category_id, locked=True)
    labels.record_category(category_id, name, description)
    after = labels.load_category(category_id)
    record_change(LibraryKind.CATEGORY, category_id, _values(before), _values(after), by, now)
    return after


def delete_category(category_id: int, by: Editor, now: datetime) -> None:
    """Delete a category. Raises NotFound, and Conflict while a regression test is in it."""
    transact(partial(_delete_category, category_id, by, now))


def _delete_category(category_id: int, by: Editor, now: datetime) -> None:
    before = labels.load_category(category_id, locked=True)
    if before.uses:
        raise Conflict(
            "Regression tests are in this category.", {"regression_count": before.uses}, remedy="Take them out of it first.")
    labels.delete_category_row(category_id)
    record_change(LibraryKind.CATEGORY, category_id, _values(before), None, by, now)


def _values(label: Label) -> Mapping[str, Any]:
    return {"name": label.name, "description": label.description}
