"""Pages of the list of runs: filters, orders, totals and cursors, from indexes alone where possible."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Integer, Select, and_, bindparam, func, or_, select

from api.domain.errors import Invalid
from api.domain.page import Position, parse_cursor
from api.domain.runs.run import Run
from api.domain.runs.run_list import RunFilter, RunSort
from api.storage.database import read, read_one, read_rows, values_of
from api.storage.runs.run_rows import COLUMNS, IS_DUE, RUNS, run_of
from api.storage.tables.runs import RunRow
from api.storage.windows import Window, find_window

SHAPES = 256
SORT_COLUMNS: Mapping[str, Any] = {
    "created_at": RunRow.created_at, "started_at": RunRow.started_at, "run_id": RunRow.run_id}
_CONDITIONS: Mapping[str, ColumnElement[bool]] = {
    "status": RunRow.status == bindparam("status"),
    "branch": RunRow.branch == bindparam("branch"),
    "commit_sha": RunRow.commit_sha == bindparam("commit_sha"),
    "repository": RunRow.repository == bindparam("repository"),
    "platform": RunRow.platform == bindparam("platform"),
    "pull_request": RunRow.pull_request == bindparam("pull_request"),
    "created_after": RunRow.created_at > bindparam("created_after"),
    "created_before": RunRow.created_at < bindparam("created_before")}

# Rows as the driver gives them, in the order of the columns of `RUNS`, and behind these whether the run is due to be judged.
Rows = Sequence[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class RunPage:
    """A page of runs as it was found: its rows in order, the length of the whole list, and whether more follow."""

    rows: Rows
    total: int
    more: bool

    @property
    def version(self) -> bytes:
        """A digest of all that the page is made of. To read the rows' values takes longer."""
        return blake2b(orjson.dumps((self.rows, self.total, self.more), default=str), digest_size=16).digest()

    @property
    def due(self) -> list[int]:
        """The ids of the runs that must be judged before they are shown."""
        return [row[0] for row in self.rows if row[COLUMNS]]

    @property
    def runs(self) -> list[Run]:
        """The runs."""
        return list(map(run_of, values_of(RUNS.selected_columns, self.rows)))


def find_page(wanted: RunFilter, sort: RunSort, *, limit: int, offset: int, cursor: str | None) -> RunPage:
    """Find the page that starts at `offset`, or after `cursor` if one is given. Raises Invalid for a cursor of another list."""
    values = _values(wanted)
    names = frozenset(values)
    behind = None if cursor is None else _behind(parse_cursor(cursor, sort.value), sort)
    [[total]] = read(_total(names), values)
    window = find_window(total, limit, offset) if behind is None else Window(limit + 1, 0, False)
    statement = _page(names, sort, window.backwards) if behind is None else _made_page(names, sort, False, behind)
    rows = read_rows(statement, values | {"limit": window.limit, "offset": window.offset})
    return RunPage(rows[:limit], total, len(rows) > limit if behind is not None else offset + len(rows) < total)


def find_next(run: Run, wanted: RunFilter, sort: RunSort) -> int | None:
    """The id of the run that follows a run in a list, which need not be counted for that; None behind the last one."""
    values = _values(wanted)
    ids = select(RunRow.run_id).where(*_conditions(frozenset(values)), _behind(position_of(run, sort), sort))
    row = read_one(ids.order_by(*_order(sort, False)).limit(1), values)
    return None if row is None else int(row[0])


def position_of(run: Run, sort: RunSort) -> Position:
    """The position just after a run in a list of this order."""
    key = None if sort.field == "run_id" else getattr(run, sort.field)
    return Position(sort.value, None if key is None else key.isoformat(), run.run_id)


def _values(wanted: RunFilter) -> dict[str, Any]:
    """The values to filter by, by the names of the conditions. Filters that are not set are left out."""
    values = {
        "status": wanted.status and wanted.status.value, "branch": wanted.branch,
        "commit_sha": wanted.commit_sha and wanted.commit_sha.lower(),
        "repository": wanted.repository and wanted.repository.lower(),
        "platform": wanted.platform and wanted.platform.value, "pull_request": wanted.pull_request,
        "created_after": wanted.created_after, "created_before": wanted.created_before}
    return {name: value for name, value in values.items() if value is not None}


# The shapes of statements are few, their values many: each shape is made once.
@lru_cache(maxsize=SHAPES)
def _total(names: frozenset[str]) -> Select[int]:
    return select(func.count()).select_from(RunRow).where(*_conditions(names))


@lru_cache(maxsize=SHAPES)
def _page(names: frozenset[str], sort: RunSort, backwards: bool) -> Select[*tuple[Any, ...]]:
    return _made_page(names, sort, backwards)


def _made_page(
    names: frozenset[str], sort: RunSort, backwards: bool, *behind: ColumnElement[bool],
) -> Select[*tuple[Any, ...]]:
    """Select `limit` runs from `offset` on. Their ids are found in an index before any row is read."""
    ids = (
        select(RunRow.run_id).where(*_conditions(names), *behind).order_by(*_order(sort, backwards))
        .limit(bindparam("limit", type_=Integer)).offset(bindparam("offset", type_=Integer)).subquery("page"))
    return RUNS.add_columns(IS_DUE.label("is_due")).join(ids, ids.c.run_id == RunRow.run_id).order_by(*_order(sort, False))


def _conditions(names: frozenset[str]) -> Sequence[ColumnElement[bool]]:
    return [_CONDITIONS[name] for name in sorted(names)]


def _order(sort: RunSort, backwards: bool) -> list[Any]:
    columns = [SORT_COLUMNS[sort.field], RunRow.run_id] if sort.field != "run_id" else [RunRow.run_id]
    return [column.desc() if sort.descends != backwards else column.asc() for column in columns]


def _behind(position: Position, sort: RunSort) -> ColumnElement[bool]:
    """The condition that a run follows a position. On both databases NULL sorts before everything else."""
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
