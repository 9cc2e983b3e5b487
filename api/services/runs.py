"""Loads and lists runs, and judges first those for which that is due."""
from __future__ import annotations

from datetime import timedelta

from api.domain.errors import NotFound
from api.domain.page import Page
from api.domain.runs.run import Platform, Run
from api.domain.runs.run_list import RunFilter, RunSort
from api.services.platform_sync import judge_runs, require_judged
from api.services.verdicts import derive_states
from api.storage.runs.platform_changes import MAX_RUN
from api.storage.runs.run_pages import find_page, position_of
from api.storage.runs.run_rows import OVER, UNJUDGED, run_of
from api.storage.runs.runs import find_run, list_durations, lock_run


def load_run(run_id: int, *, locked: bool = False) -> Run:
    """The run of this id; `locked`, within a transaction, holds its row until the end. Raises NotFound."""
    if locked:
        lock_run(run_id)
    found = find_run(run_id)
    if found is not None and found.is_behind:
        derive_states([run_id]) if locked else judge_runs([run_id])
        found = find_run(run_id)
    if found is None:
        raise NotFound("run", run_id, remedy="List runs with GET /runs.")
    return found.run


def list_runs(wanted: RunFilter, sort: RunSort, *, limit: int, offset: int = 0, cursor: str | None = None) -> Page[Run]:
    """A page of runs with the exact total: from `offset`, or behind `cursor` where one is given.

    Raises Invalid for a cursor of another list, Unavailable while finished runs of an adopted database are being judged
    and the answer depends on them.
    """
    if wanted.status in OVER:
        require_judged()
    page = find_page(wanted, sort, limit=limit, offset=offset, cursor=cursor)
    while pending := [row.run_id for row in page.rows if row.status == UNJUDGED]:
        judge_runs(pending)
        page = find_page(wanted, sort, limit=limit, offset=offset, cursor=cursor)
    runs = [run_of(row) for row in page.rows]
    return Page(runs, limit, offset, page.total, position_of(runs[-1], sort).cursor() if page.more and runs else None)


def average_duration(platform: Platform, *, runs: int = 20) -> timedelta | None:
    """The mean duration of the platform's last finished runs; None where none ran to an end."""
    sane = [duration for duration in list_durations(platform, runs=runs) if timedelta() <= duration <= MAX_RUN]
    return sum(sane, timedelta()) / len(sane) if sane else None
