"""Finds a run's base, and the past runs that tell since when a test fails."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, case, false, func, literal, or_, select

from api.domain.results.compare import BaseReason
from api.domain.results.result import Verdict
from api.domain.results.triage import PastRun
from api.domain.runs.run import Run, RunStatus
from api.storage.database import session
from api.storage.tables import RunRow, VerdictRow

RAN = (RunStatus.PASS.value, RunStatus.FAIL.value, RunStatus.INCOMPLETE.value)
GENERATIONS = 200
PAST_RUNS = 100


@dataclass(frozen=True, slots=True)
class Base:
    """The run that another is compared with, and why it was chosen."""

    run_id: int
    reason: BaseReason


def choose_base(run: Run, main_repository: str, *, generations: int = GENERATIONS) -> Base | None:
    """The newest finished run of the main repository on the run's platform at its merge base, or at the nearest ancestor known.

    Where the run names no merge base, its parent is where the search begins; it goes back so many generations through the
    parents that runs of the main repository name. Where no known ancestor was tested, the newest one before the first run of its
    commit is taken. Runs of the same commit do not count, unless it is the merge base itself. None where there is none at all.
    """
    commit = run.commit.lower()
    is_its_own_base = (run.merge_base_sha or "").lower() == commit
    candidates = and_(
        *of_main(main_repository), RunRow.platform == run.platform.value, RunRow.status.in_(RAN), RunRow.run_id != run.run_id,
        *(() if is_its_own_base else (RunRow.commit_sha != commit,)))
    nearest = session().execute(_nearest_tested(run, main_repository, candidates, generations)).first()
    if nearest is not None:
        is_merge_base = nearest.generation == 0 and run.merge_base_sha is not None
        return Base(nearest.run_id, BaseReason.MERGE_BASE if is_merge_base else BaseReason.ANCESTOR)
    before = session().execute(
        select(RunRow.run_id).where(candidates, RunRow.run_id < _first_of_its_commit(run)).order_by(RunRow.run_id.desc()).limit(1)).scalar()
    return None if before is None else Base(before, BaseReason.BEFORE)


def _first_of_its_commit(run: Run) -> ScalarSelect[Any]:
    """The first run of the same commit in the same place: this one, unless it repeats another."""
    return select(func.min(RunRow.run_id)).where(
        RunRow.commit_sha == run.commit.lower(), RunRow.repository == run.repository.lower(),
        RunRow.pull_request.is_not_distinct_from(run.pull_request)).scalar_subquery()


def _nearest_tested(run: Run, main_repository: str, candidates: ColumnElement[bool], generations: int) -> Select[Any]:
    """The newest candidate at the commit where the run's search begins, else at the nearest ancestor of that.

    Conditions stand in CASE, so that commits are looked up in their index whatever the planner knows of the other columns.
    """
    start = func.lower(func.coalesce(RunRow.merge_base_sha, RunRow.parent_sha)).label("commit_sha")
    line = select(start, literal(0).label("generation")).where(RunRow.run_id == run.run_id).cte("line", recursive=True)
    parent = case((and_(*of_main(main_repository)), func.lower(RunRow.parent_sha)))
    line = line.union(
        select(parent, line.c.generation + 1)
        .join(line, RunRow.commit_sha == line.c.commit_sha).where(line.c.generation < generations))
    newest = func.max(case((candidates, RunRow.run_id)))
    return (
        select(newest.label("run_id"), line.c.generation)
        .join(line, RunRow.commit_sha == line.c.commit_sha)
        .group_by(line.c.generation).having(newest.is_not(None)).order_by(line.c.generation).limit(1))


def list_past_runs(run: Run, main_repository: str) -> list[PastRun]:
    """The finished runs before this one that tell of its history, newest first, at most a hundred.

    They are those of the main repository and the run's own: of its pull request, or else of its branch; on its platform.
    """
    rows = session().execute(
        select(RunRow.run_id, RunRow.commit_sha, RunRow.created_at)
        .where(
            RunRow.run_id < run.run_id, RunRow.platform == run.platform.value, RunRow.status.in_(RAN),
            or_(and_(*of_main(main_repository)), and_(*_of_its_own(run))))
        .order_by(RunRow.run_id.desc()).limit(PAST_RUNS))
    return [PastRun(row.run_id, row.commit_sha, row.created_at) for row in rows]


def _of_its_own(run: Run) -> tuple[ColumnElement[bool], ...]:
    # The platform gives the runs of all pull requests one branch, and others may have none.
    if run.pull_request is not None:
        return RunRow.repository == run.repository.lower(), RunRow.pull_request == run.pull_request
    if run.branch is None:
        return (false(),)
    return RunRow.repository == run.repository.lower(), RunRow.branch == run.branch, RunRow.pull_request.is_(None)


def of_main(main_repository: str) -> tuple[ColumnElement[bool], ...]:
    """The conditions that a run is of the main repository itself."""
    return RunRow.repository == main_repository.lower(), RunRow.pull_request.is_(None)


def verdicts_in(runs: Sequence[PastRun], regression_ids: Collection[int]) -> Mapping[int, Mapping[int, Verdict]]:
    """The verdicts of these regression tests in these runs: by regression id, then by run id."""
    found: defaultdict[int, dict[int, Verdict]] = defaultdict(dict)
    if not runs or not regression_ids:
        return found
    wanted = {run.run_id for run in runs}
    ages = [run.created_at for run in runs]
    query: Any = select(VerdictRow.regression_id, VerdictRow.run_id, VerdictRow.verdict).where(
        VerdictRow.regression_id.in_(regression_ids), VerdictRow.created_at >= min(ages), VerdictRow.created_at <= max(ages))
    for regression_id, run_id, verdict in session().execute(query):
        if run_id in wanted:
            found[regression_id][run_id] = Verdict(verdict)
    return found
