"""Shows, loads and lists runs."""
from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta

from api.domain.errors import NotFound, Unavailable
from api.domain.page import Page
from api.domain.runs.run import Platform, Run
from api.domain.runs.run_list import RunFilter, RunSort
from api.services.runs.platform_sync import catch_up, judge_runs, still_judging
from api.storage.catalog.catalog import load_catalog_version
from api.storage.runs.platform_changes import MAX_RUN, look
from api.storage.runs.run_pages import RunPage, find_page, position_of
from api.storage.runs.run_rows import OVER
from api.storage.runs.runs import FoundRun, find_run, list_durations, lock_run


@dataclass(frozen=True, slots=True)
class ShownRuns:
    """What is done before runs are shown: they are shown as of now."""

    clock: Callable[[], datetime]

    def one(self, run_id: int) -> Run:
        """The run of this id. Raises NotFound."""
        return show_run(run_id, self.clock())

    def version(self, run: Run, *, labelled: bool) -> Hashable | None:
        """The run itself once it is over: what it was judged by is named in it; labels are those of the catalog."""
        if run.evidence is None:
            return None
        return (run, load_catalog_version()) if labelled else run

    def catalog_version(self) -> Hashable:
        """A number that is another one whenever the catalog is."""
        return load_catalog_version()

    def any(self) -> None:
        """Make what is known of runs agree with the platform's tables."""
        catch_up(self.clock())

    def counted(self) -> None:
        """The same for what counts over all runs. Raises Unavailable while finished runs wait to be judged."""
        if catch_up(self.clock()):
            raise still_judging()


def show_run(run_id: int, now: datetime) -> Run:
    """The run as of now: what the platform's programs did is picked up before, and the run is judged where that is due.

    One statement where nothing happened. Raises NotFound.
    """
    found = find_run(run_id)
    if found is None or found.has_changes:
        catch_up(now)
        found = find_run(run_id)
    if found is not None and found.is_behind:
        judge_runs([run_id])
        found = find_run(run_id)
    return _existing(found, run_id)


def load_run(run_id: int, *, locked: bool = False) -> Run:
    """The run as it is stored. With `locked`, within a transaction, its row is held until the end.

    Raises NotFound, and Unavailable for one that is over and not judged yet.
    """
    if locked:
        lock_run(run_id)
    return _existing(find_run(run_id), run_id)


def _existing(found: FoundRun | None, run_id: int) -> Run:
    if found is None:
        raise NotFound("run", run_id, remedy="List runs with GET /runs.")
    if found.is_unjudged:
        raise Unavailable("This run is still being judged.", retry_after=1)
    return found.run


@dataclass(frozen=True, slots=True)
class FoundRuns:
    """A page of runs as its rows were found."""

    found: RunPage
    sort: RunSort
    limit: int
    offset: int

    @property
    def version(self) -> bytes:
        """Another value whenever anything on the page is."""
        return self.found.version

    @property
    def page(self) -> Page[Run]:
        """The runs, with the exact total."""
        runs = self.found.runs
        cursor = position_of(runs[-1], self.sort).cursor() if self.found.more and runs else None
        return Page(runs, self.limit, self.offset, self.found.total, cursor)


def list_runs(wanted: RunFilter, sort: RunSort, *, limit: int, offset: int = 0, cursor: str | None = None) -> Page[Run]:
    """The page of `find_runs`."""
    return find_runs(wanted, sort, limit=limit, offset=offset, cursor=cursor).page


def find_runs(wanted: RunFilter, sort: RunSort, *, limit: int, offset: int = 0, cursor: str | None = None) -> FoundRuns:
    """Find a page of runs: from `offset`, or behind `cursor` where one is given.

    Raises Invalid for a cursor of another list, Unavailable while finished runs of an adopted database are being judged
    and the answer depends on them.
    """
    if wanted.status in OVER and look().has_pending:
        raise still_judging()
    page = find_page(wanted, sort, limit=limit, offset=offset, cursor=cursor)
    while due := page.due:
        judge_runs(due)
        page = find_page(wanted, sort, limit=limit, offset=offset, cursor=cursor)
    return FoundRuns(page, sort, limit, offset)


def average_duration(platform: Platform, *, runs: int = 20) -> timedelta | None:
    """The mean duration of the platform's last finished runs; None where none ran to an end."""
    sane = [duration for duration in list_durations(platform, runs=runs) if timedelta() <= duration <= MAX_RUN]
    return sum(sane, timedelta()) / len(sane) if sane else None
