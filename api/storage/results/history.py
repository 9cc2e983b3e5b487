"""The verdicts and runtimes of regression tests from run to run, newest run first."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Row, Select, Subquery, and_, func, select, union_all

from api.domain.page import Page
from api.domain.results.history import HistoryEntry, HistoryFilter
from api.domain.results.result import Verdict
from api.domain.runs.run import Platform, RunStatus
from api.storage.database import session
from api.storage.platform_tables import ResultRow, TestRow
from api.storage.runs.run_rows import altered_in
from api.storage.tables.results import VerdictRow
from api.storage.tables.runs import RunRow
from api.storage.windows import Window, find_window

KEY = ("regression_id", "created_at", "run_id")
# So many tests' histories are merged; of more, all rows are put in order. SQLite merges 500 at most, and long before each costs more.
MAX_MERGED = 200


def list_history(regression_ids: Sequence[int], wanted: HistoryFilter, *, limit: int, offset: int) -> Page[HistoryEntry]:
    """A page of the stored verdicts of these regression tests, with the exact total."""
    chosen = [each for each in regression_ids if wanted.regression_id in (None, each)]
    conditions = _conditions(wanted)
    total = session().execute(
        select(func.count()).select_from(VerdictRow).where(VerdictRow.regression_id.in_(chosen), *conditions)).scalar_one()
    window = find_window(total, limit, offset)
    rows = session().execute(_page(chosen, conditions, window)).all() if window.limit else []
    return Page([_entry(row) for row in window.in_order(rows)], limit, offset, total)


def list_newest(regression_ids: Sequence[int]) -> dict[int, list[HistoryEntry]]:
    """The newest stored verdict of each regression test on each platform that has one, in the order of the platforms."""
    found: dict[int, list[HistoryEntry]] = {each: [] for each in regression_ids}
    platforms = list(Platform)
    for begin in range(0, len(regression_ids), MAX_MERGED // len(platforms)):
        newest = [
            _beginning(each, [VerdictRow.platform == str(platform)], Window(1, 0, False)).subquery()
            for each in regression_ids[begin:begin + MAX_MERGED // len(platforms)] for platform in platforms]
        for row in session().execute(_with_facts(union_all(*(select(each) for each in newest)).subquery())).all():
            found[row.regression_id].append(_entry(row))
    return {each: sorted(entries, key=lambda entry: platforms.index(entry.platform)) for each, entries in found.items()}


def _conditions(wanted: HistoryFilter) -> list[ColumnElement[bool]]:
    equal: tuple[tuple[Any, str | None], ...] = (
        (VerdictRow.run_status, wanted.run_status), (VerdictRow.verdict, wanted.verdict), (VerdictRow.platform, wanted.platform))
    conditions: list[ColumnElement[bool]] = [column == str(value) for column, value in equal if value is not None]
    if wanted.with_result:
        conditions.append(VerdictRow.verdict.in_([verdict for verdict in Verdict if verdict.has_result]))
    if wanted.branch is not None:
        conditions.append(VerdictRow.branch == wanted.branch)
    if wanted.created_after is not None:
        conditions.append(VerdictRow.created_at > wanted.created_after)
    if wanted.created_before is not None:
        conditions.append(VerdictRow.created_at < wanted.created_before)
    return conditions


def _page(
    regression_ids: Sequence[int], conditions: Sequence[ColumnElement[bool]], window: Window,
) -> Select[*tuple[Any, ...]]:
    keys = _merged if len(regression_ids) <= MAX_MERGED else _every
    found = keys(regression_ids, conditions, window).subquery()
    page = select(found).order_by(*_order(found.c, window)).limit(window.limit).offset(window.offset).subquery()
    return _with_facts(page).order_by(*_order(page.c, window))


def _with_facts(page: Subquery) -> Select[*tuple[Any, ...]]:
    return (
        select(VerdictRow.__table__, TestRow.commit, ResultRow.runtime, RunRow.altered, RunRow.environment_id, RunRow.completed_at)
        .select_from(page)
        .join(VerdictRow, and_(*(getattr(VerdictRow, name) == page.c[name] for name in KEY)))
        .join(TestRow, TestRow.id == page.c.run_id).join(RunRow, RunRow.run_id == page.c.run_id)
        .outerjoin(ResultRow, and_(ResultRow.test_id == page.c.run_id, ResultRow.regression_test_id == page.c.regression_id)))


def _merged(regression_ids: Sequence[int], conditions: Sequence[ColumnElement[bool]], window: Window) -> CompoundSelect[*tuple[Any, ...]]:
    # Each test's history lies in the order of its key. Only keys are merged, and only as many as come before the page's end.
    beginnings = (_beginning(regression_id, conditions, window).subquery() for regression_id in regression_ids)
    return union_all(*(select(each) for each in beginnings))


def _every(regression_ids: Sequence[int], conditions: Sequence[ColumnElement[bool]], window: Window) -> Select[*tuple[Any, ...]]:
    return select(*(getattr(VerdictRow, name) for name in KEY)).where(VerdictRow.regression_id.in_(regression_ids), *conditions)


def _beginning(
    regression_id: int, conditions: Sequence[ColumnElement[bool]], window: Window,
) -> Select[*tuple[Any, ...]]:
    return (
        select(*(getattr(VerdictRow, name) for name in KEY))
        .where(VerdictRow.regression_id == regression_id, *conditions)
        .order_by(*(each.asc() if window.backwards else each.desc() for each in (VerdictRow.created_at, VerdictRow.run_id)))
        .limit(window.offset + window.limit))


def _order(columns: Any, window: Window) -> list[Any]:
    if window.backwards:
        return [columns.created_at.asc(), columns.run_id.asc(), columns.regression_id.desc()]
    return [columns.created_at.desc(), columns.run_id.desc(), columns.regression_id.asc()]


def _entry(row: Row[*tuple[Any, ...]]) -> HistoryEntry:
    return HistoryEntry(
        run_id=row.run_id, regression_id=row.regression_id, run_created_at=row.created_at, run_status=RunStatus(row.run_status),
        commit=row.commit, branch=row.branch, platform=Platform(row.platform), verdict=Verdict(row.verdict),
        runtime_ms=row.runtime, signature=row.signature,
        run_ended_at=row.completed_at, altered=altered_in(row.altered), environment_id=row.environment_id)
