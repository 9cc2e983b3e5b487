"""The record of who changed what in the library."""
from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from api.domain.catalog.change import Editor, LibraryAction, LibraryChange, LibraryKind, differing
from api.domain.page import Page
from api.storage.database import session
from api.storage.tables.library import LibraryChangeRow

Values = Mapping[str, Any]
NAME_LENGTH = 255


def record_change(kind: LibraryKind, subject_id: int, before: Values | None, after: Values | None, by: Editor, now: datetime) -> None:
    """Within a transaction: record a change, unless nothing is different; None stands for what was not there, or is not any more."""
    was, has_become = differing(before or {}, after or {})
    if before == after:
        return
    action = LibraryAction.CREATED if before is None else LibraryAction.DELETED if after is None else LibraryAction.CHANGED
    session().add(LibraryChangeRow(
        kind=kind.value, subject_id=subject_id, action=action.value, user_id=by.user_id, changed_by=by.name[:NAME_LENGTH], changed_at=now,
        before=json.dumps(was), after=json.dumps(has_become)))
    session().flush()


def list_changes(kind: LibraryKind | None, subject_id: int | None, *, limit: int, offset: int) -> Page[LibraryChange]:
    """Changes, newest first; None asks for every kind, or every thing of it."""
    conditions: list[Any] = [] if kind is None else [LibraryChangeRow.kind == kind.value]
    conditions += [] if subject_id is None else [LibraryChangeRow.subject_id == subject_id]
    total = session().execute(select(func.count()).select_from(LibraryChangeRow).where(*conditions)).scalar_one()
    rows = session().execute(
        select(LibraryChangeRow).where(*conditions).order_by(LibraryChangeRow.id.desc()).limit(limit).offset(offset)).scalars()
    return Page([_change(row) for row in rows], limit, offset, total)


def _change(row: LibraryChangeRow) -> LibraryChange:
    return LibraryChange(
        row.id, LibraryKind(row.kind), row.subject_id, LibraryAction(row.action), row.changed_by, row.changed_at,
        json.loads(row.before), json.loads(row.after))
