"""Which runs came before a run: the base it is compared with, and the history that tells since when a test fails."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select

from api.domain.compare import BaseReason, choose_ancestor
from api.domain.result import Verdict
from api.domain.run import Run, RunStatus
from api.domain.triage import PastRun
from api.storage.database import session
from api.storage.own_tables import RunRow, VerdictRow

RAN = (RunStatus.PASS.value, RunStatus.FAIL.value, RunStatus.INCOMPLETE.value)
ANCESTORS = 2000
PAST_RUNS = 100


@dataclass(frozen=True, slots=True)
class Base:
    """The run that another is compared with, and why it was chosen."""

    run_id: int
    reason: BaseReason


def choose_base(run: Run, main_repository: str) -> Base | None:
    """The newest finished run of the main repository on the run's platform at its merge base, or at the nearest ancestor known.

    Where the run names no merge base, its parent is where the search begins; where no known ancestor was tested, the newest
    such run before it is taken. None where there is none at all.
    """
    rows = session().execute(
        select(RunRow.run_id, RunRow.commit_sha, RunRow.parent_sha, RunRow.status, RunRow.platform)
        .where(*_of_main(main_repository), RunRow.run_id != run.run_id).order_by(RunRow.run_id.desc()).limit(ANCESTORS)).all()
    parents = {row.commit_sha: row.parent_sha.lower() for row in reversed(rows) if row.parent_sha}
    finished = [row for row in rows if row.status in RAN and row.platform == run.platform.value]
    start = run.merge_base_sha or run.parent_sha
    found = None
    if start is not None:
        tested = {row.commit_sha: row.run_id for row in reversed(finished)}
        found = choose_ancestor(start.lower(), parents, tested)
    if found is not None:
        is_merge_base = found[1] and run.merge_base_sha is not None
        return Base(found[0], BaseReason.MERGE_BASE if is_merge_base else BaseReason.ANCESTOR)
    before = next((row.run_id for row in finished if row.run_id < run.run_id), None)
    return None if before is None else Base(before, BaseReason.BEFORE)


def list_past_runs(run: Run, main_repository: str) -> list[PastRun]:
    """The finished runs before this one that tell of its history, newest first, at most a hundred.

    They are those of the main repository, and those of the run's own branch, on its platform.
    """
    own = and_(RunRow.repository == run.repository.lower(), RunRow.branch == run.branch)
    rows = session().execute(
        select(RunRow.run_id, RunRow.commit_sha, RunRow.created_at)
        .where(
            RunRow.run_id < run.run_id, RunRow.platform == run.platform.value, RunRow.status.in_(RAN),
            or_(and_(*_of_main(main_repository)), own))
        .order_by(RunRow.run_id.desc()).limit(PAST_RUNS))
    return [PastRun(row.run_id, row.commit_sha, row.created_at) for row in rows]


def _of_main(main_repository: str) -> tuple[ColumnElement[bool], ...]:
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
