"""Where causes, steps and outputs were seen: in runs that were analysed by the present version."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, CompoundSelect, Select, and_, bindparam, case, func, null, select, union_all
from sqlalchemy.orm import aliased

from api.domain.captions.fact import Fact
from api.domain.causes.came import Facts
from api.domain.causes.run_analysis import ANALYSIS_VERSION
from api.domain.runs.run import Platform
from api.storage.database import read, session
from api.storage.results.analyses import KeptAnalysis
from api.storage.tables.results import AnalysisRow, ClusterRow, StepRow
from api.storage.tables.runs import RunRow

PULL_REQUESTS = 50


@dataclass(frozen=True, slots=True)
class SeenRun:
    """A run in short."""

    run_id: int
    commit: str
    branch: str | None
    pull_request: int | None
    platform: Platform
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Sightings:
    """The runs in which something was seen: how many, those of no pull request, the newest pull requests and runs, the platforms."""

    run_count: int = 0
    main_run_count: int = 0
    pull_requests: tuple[int, ...] = ()
    platforms: tuple[Platform, ...] = ()
    runs: tuple[SeenRun, ...] = ()


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """In how many other runs of no pull request, and in how many pull requests, a class was seen, and the newest of these runs."""

    main_run_count: int = 0
    pull_request_count: int = 0
    newest_run_id: int | None = None


NOWHERE = Elsewhere()


@dataclass(frozen=True, slots=True)
class SeenStep:
    """A run in which the output of a test changed since the run `from_run_id`, and what is different."""

    run: SeenRun
    from_run_id: int | None
    from_commit: str | None
    untested: tuple[str, ...]
    facts: Facts


@dataclass(frozen=True, slots=True)
class TestNames:
    """What names the output of a test in a run, and how it differs from the base; None where it does not."""

    __test__ = False

    came: str
    step: str | None


_OWN = aliased(ClusterRow)
_KEPT_AND_ELSEWHERE: CompoundSelect[Any] = union_all(
    select(AnalysisRow.name, AnalysisRow.body, null(), null(), null(), null()).where(AnalysisRow.run_id == bindparam("run_id")),
    select(
        null(), null(), _OWN.class_id, func.sum(case((RunRow.pull_request.is_(None), 1), else_=0)),
        func.count(RunRow.pull_request.distinct()), func.max(RunRow.run_id))
    .join(ClusterRow, and_(ClusterRow.class_id == _OWN.class_id, ClusterRow.run_id != _OWN.run_id))
    .join(RunRow, RunRow.run_id == ClusterRow.run_id).join(AnalysisRow, AnalysisRow.run_id == ClusterRow.run_id)
    .where(
        _OWN.run_id == bindparam("run_id"), RunRow.created_at >= bindparam("since", type_=RunRow.created_at.type),
        AnalysisRow.version == ANALYSIS_VERSION)
    .group_by(_OWN.class_id))
_RUN = RunRow.run_id, RunRow.commit_sha, RunRow.branch, RunRow.pull_request, RunRow.platform, RunRow.created_at


def find_newest_run() -> int | None:
    """The newest run whose failures have known causes; None where no run has."""
    return session().execute(select(func.max(ClusterRow.run_id))).scalar_one()


def load_analysis_and_elsewhere(run_id: int, since: datetime) -> tuple[KeptAnalysis | None, Mapping[str, Elsewhere]]:
    """What is kept of a run, and where else its classes were seen since an instant, in one statement.

    Classes that were not are left out.
    """
    kept, elsewhere = None, {}
    for name, body, class_id, main, pulls, newest in read(_KEPT_AND_ELSEWHERE, {"run_id": run_id, "since": since}):
        if name is None:
            elsewhere[class_id] = Elsewhere(int(main), pulls, newest)
        else:
            kept = KeptAnalysis(name, body)
    return kept, elsewhere


def find_class(class_id: str, since: datetime, *, besides: int | None, limit: int) -> Sightings:
    """The runs with a cause of a class, besides one."""
    return _sightings(ClusterRow, (ClusterRow.class_id == class_id,), since, besides, limit)


def find_output(regression_id: int, came: str, since: datetime, *, besides: int | None, limit: int) -> Sightings:
    """The runs in which just this came out of a test."""
    return _sightings(StepRow, (StepRow.regression_id == regression_id, StepRow.came == came), since, besides, limit)


def find_step(regression_id: int, step: str, since: datetime, *, besides: int | None, limit: int) -> Sightings:
    """The runs in which the output of a test changed in the same way."""
    return _sightings(StepRow, (StepRow.regression_id == regression_id, StepRow.step == step), since, besides, limit)


def _sightings(
    table: type[ClusterRow | StepRow], wanted: Sequence[ColumnElement[bool]], since: datetime, besides: int | None, limit: int,
) -> Sightings:
    rows = session().execute(
        _seen(*_RUN, table=table).where(*wanted, RunRow.created_at >= since, RunRow.run_id != (besides or 0))
        .order_by(RunRow.run_id.desc())).all()
    runs = [_run(row) for row in rows]
    pulls = dict.fromkeys(run.pull_request for run in runs if run.pull_request is not None)
    platforms = {run.platform for run in runs}
    return Sightings(
        len(runs), sum(run.pull_request is None for run in runs), tuple(pulls)[:PULL_REQUESTS],
        tuple(each for each in Platform if each in platforms), tuple(runs[:limit]))


def _run(row: Any) -> SeenRun:
    return SeenRun(row.run_id, row.commit_sha, row.branch, row.pull_request, Platform(row.platform), row.created_at)


def _seen(*columns: Any, table: type[ClusterRow | StepRow]) -> Select[*tuple[Any, ...]]:
    return (
        select(*columns).join(table, table.run_id == RunRow.run_id).join(AnalysisRow, AnalysisRow.run_id == RunRow.run_id)
        .where(AnalysisRow.version == ANALYSIS_VERSION))


def find_names(run_id: int, regression_id: int) -> TestNames | None:
    """What names the output of a test that failed in a run, or changed there; None for any other."""
    row = session().execute(
        select(StepRow.came, StepRow.step).where(StepRow.run_id == run_id, StepRow.regression_id == regression_id)).one_or_none()
    return None if row is None else TestNames(row.came, row.step)


def list_steps(regression_id: int, *, platform: Platform | None, branch: str | None, limit: int) -> list[SeenStep]:
    """The newest runs in which the output of a test changed."""
    query = _seen(*_RUN, StepRow.body, table=StepRow).where(StepRow.regression_id == regression_id, StepRow.is_change)
    if platform is not None:
        query = query.where(RunRow.platform == platform.value)
    if branch is not None:
        query = query.where(RunRow.branch == branch)
    rows = session().execute(query.order_by(StepRow.run_id.desc()).limit(limit))
    return [_step(_run(row), orjson.loads(row.body)) for row in rows]


def _step(run: SeenRun, body: Mapping[str, Any]) -> SeenStep:
    return SeenStep(
        run, body["from_run_id"], body["from_commit"], tuple(body["untested"]), tuple(map(Fact.of_fields, body["facts"])))
