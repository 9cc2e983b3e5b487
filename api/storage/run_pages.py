"""Which runs a page of a list holds: filters, orders, totals and cursors, all answered from indexes alone where they can be."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select

from api.domain.page import Position, parse_cursor
from api.domain.refusal import Invalid
from api.domain.run import Run
from api.domain.run_list import RunFilter, RunSort
from api.storage.database import session
from api.storage.own_tables import RunRow
from api.storage.windows import Window, find_window

SORT_COLUMNS: dict[str, Any] = {"created_at": RunRow.created_at, "started_at": RunRow.started_at, "run_id": RunRow.run_id}


@dataclass(frozen=True, slots=True)
class RunIds:
    """The runs of a page in their order, the length of the whole list, and whether more follow."""

    run_ids: list[int]
    total: int
    more: bool


def find_page(wanted: RunFilter, sort: RunSort, *, limit: int, offset: int, cursor: str | None) -> RunIds:
    """The page from `offset`, or behind `cursor` where one is given. Raises Invalid for a cursor of another list."""
    conditions = _conditions(wanted)
    behind = [] if cursor is None else [_behind(parse_cursor(cursor, sort.value), sort)]
    total = session().execute(select(func.count()).select_from(RunRow).where(*conditions)).scalar_one()
    window = find_window(total, limit, offset) if cursor is None else Window(limit + 1, 0, False)
    found = session().execute(
        select(RunRow.run_id).where(*conditions, *behind).order_by(*_order(sort, window))
        .limit(window.limit).offset(window.offset)).scalars().all()
    run_ids = window.in_order(found)
    return RunIds(run_ids[:limit], total, len(run_ids) > limit if cursor is not None else offset + len(run_ids) < total)


def position_of(run: Run, sort: RunSort) -> Position:
    """The place behind a run in a list of this order."""
    key = None if sort.field == "run_id" else getattr(run, sort.field)
    return Position(sort.value, None if key is None else key.isoformat(), run.run_id)


def _conditions(wanted: RunFilter) -> list[ColumnElement[bool]]:
    equal: tuple[tuple[Any, Any], ...] = (
        (RunRow.status, wanted.status and wanted.status.value), (RunRow.branch, wanted.branch),
        (RunRow.commit_sha, wanted.commit_sha and wanted.commit_sha.lower()),
        (RunRow.repository, wanted.repository and wanted.repository.lower()),
        (RunRow.platform, wanted.platform and wanted.platform.value), (RunRow.pull_request, wanted.pull_request))
    conditions: list[ColumnElement[bool]] = [column == value for column, value in equal if value is not None]
    if wanted.branch is not None:
        # MariaDB passes over spaces at the end; bytes are bytes.
        conditions.append(func.hex(RunRow.branch) == wanted.branch.encode().hex().upper())
    if wanted.created_after is not None:
        conditions.append(RunRow.created_at > wanted.created_after)
    if wanted.created_before is not None:
        conditions.append(RunRow.created_at < wanted.created_before)
    return conditions


def _order(sort: RunSort, window: Window) -> list[Any]:
    columns = [SORT_COLUMNS[sort.field], RunRow.run_id] if sort.field != "run_id" else [RunRow.run_id]
    return [column.desc() if sort.descends != window.backwards else column.asc() for column in columns]


def _behind(position: Position, sort: RunSort) -> ColumnElement[bool]:
    """The runs that follow a position; on both databases a null sorts below everything else."""
    later = RunRow.run_id < position.id if sort.descends else RunRow.run_id > position.id
    if sort.field == "run_id":
        return later
    column = SORT_COLUMNS[sort.field]
    if position.key is None:
        same = and_(column.is_(None), later)
        return same if sort.descends else or_(same, column.is_not(None))
    key = _instant(position.key)
    # The first part alone is what an index can be entered with.
    if not sort.descends:
        return and_(column >= key, or_(column > key, later))
    older = and_(column <= key, or_(column < key, later))
    return older if sort.field == "created_at" else or_(older, column.is_(None))


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as wrong:
        raise Invalid({"cursor": "Not a cursor of this list and sort."}) from wrong
