"""The analyses of finished runs, and which runs wait for one."""
from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import blake2b

import orjson
from sqlalchemy import ColumnElement, bindparam, delete, func, insert, or_, select, update

from api.domain.causes.came import Came, Facts
from api.domain.causes.run_analysis import ANALYSIS_VERSION, AnalysisDue, RunAnalysis, TestStep
from api.storage.database import TransactionConflict, change, read_one, session
from api.storage.results.packing import packed, unpacked
from api.storage.tables.results import AnalysisRow, ClusterRow, StepRow
from api.storage.tables.runs import RunRow

# So many runs around one that ended or was judged anew are looked at again.
NEAR_RUNS = 50
STEP_FACTS, STEP_COMMITS = 16, 20
FOUND_IN_MEMORY = 32
_ONE = select(AnalysisRow.name, AnalysisRow.body).where(AnalysisRow.run_id == bindparam("run_id"))
_IS_DUE = RunRow.analysis_due >= min(AnalysisDue)


@dataclass(frozen=True, slots=True)
class DueRun:
    """A run that was taken to be analysed; nobody else takes it before `until`."""

    run_id: int
    due: AnalysisDue
    until: datetime


@dataclass(frozen=True, slots=True)
class KeptAnalysis:
    """An analysis under the name of what it was made from; None where it failed."""

    name: str
    body: bytes

    @property
    def found(self) -> RunAnalysis | None:
        """What was found out."""
        return _found(self.body) if self.body else None


# Those of the runs that are looked at now: a page asks several times for one.
@lru_cache(maxsize=FOUND_IN_MEMORY)
def _found(body: bytes) -> RunAnalysis:
    return unpacked(RunAnalysis, body)


def take_due_run(now: datetime, lease: timedelta) -> DueRun | None:
    """Within a transaction: take the run that waits most urgently, of equal ones the newest; None where none waits."""
    free = or_(RunRow.analysis_taken_until.is_(None), RunRow.analysis_taken_until < now)
    found = session().execute(
        select(RunRow.run_id, RunRow.analysis_due, RunRow.analysis_taken_until).where(_IS_DUE, free)
        .order_by(RunRow.analysis_due.desc(), RunRow.run_id.desc()).limit(1)).one_or_none()
    if found is None:
        return None
    unchanged = RunRow.analysis_taken_until.is_not_distinct_from(found.analysis_taken_until)
    taken = DueRun(found.run_id, AnalysisDue(found.analysis_due), now + lease)
    if not change(update(RunRow).where(RunRow.run_id == taken.run_id, _IS_DUE, unchanged).values(analysis_taken_until=taken.until)):
        raise TransactionConflict
    return taken


def renew_due_run(taken: DueRun, until: datetime) -> DueRun | None:
    """Within a transaction: keep a run for longer; None where it is not held any more."""
    held = change(update(RunRow).where(*_held(taken)).values(analysis_taken_until=until))
    return DueRun(taken.run_id, taken.due, until) if held else None


def drop_due_run(taken: DueRun) -> bool:
    """Within a transaction: the run waits no longer; False where it is not held any more."""
    return bool(change(update(RunRow).where(*_held(taken)).values(analysis_due=None, analysis_taken_until=None)))


def _held(taken: DueRun) -> tuple[ColumnElement[bool], ...]:
    return RunRow.run_id == taken.run_id, RunRow.analysis_taken_until == taken.until


def require_analysis(run_ids: Collection[int], due: AnalysisDue) -> None:
    """Within a transaction: have these runs analysed, as far as they are over; one that waits more urgently goes on doing so."""
    if run_ids:
        change(update(RunRow).where(
            RunRow.run_id.in_(run_ids), RunRow.evidence.is_not(None), func.coalesce(RunRow.analysis_due, -1) < due)
            .values(analysis_due=due))


def require_outdated(most: int) -> int:
    """Within a transaction: have runs analysed again that older versions analysed, of each the newest first; how many these are."""
    found = list(session().execute(
        select(AnalysisRow.run_id).join(RunRow, RunRow.run_id == AnalysisRow.run_id)
        .where(AnalysisRow.version < ANALYSIS_VERSION, RunRow.analysis_due.is_(None))
        .order_by(AnalysisRow.version.desc(), AnalysisRow.run_id.desc()).limit(most)).scalars())
    require_analysis(found, AnalysisDue.BEHIND)
    return len(found)


def require_near(run_id: int) -> None:
    """Within a transaction: have the analysed runs looked at again that may have this one on their line: those after it, or before it.

    The commit of a run may be an ancestor of one that was run before. What is not looked at shows when it is asked for.
    """
    analysed = select(AnalysisRow.run_id).limit(NEAR_RUNS)
    near = list(session().execute(analysed.where(AnalysisRow.run_id > run_id).order_by(AnalysisRow.run_id)).scalars())
    near += session().execute(analysed.where(AnalysisRow.run_id < run_id).order_by(AnalysisRow.run_id.desc())).scalars()
    require_analysis(near[:NEAR_RUNS], AnalysisDue.BEHIND)


def count_due_runs() -> int:
    """How many runs wait to be analysed."""
    return session().execute(select(func.count()).select_from(RunRow).where(_IS_DUE)).scalar_one()


def load_analysis(run_id: int) -> KeptAnalysis | None:
    """What is kept of a run; None where nothing is."""
    row = read_one(_ONE, {"run_id": run_id})
    return None if row is None else KeptAnalysis(row.name, row.body)


def load_analyses(run_ids: Collection[int]) -> dict[int, KeptAnalysis]:
    """What is kept of these runs, by id."""
    query = select(AnalysisRow.run_id, AnalysisRow.name, AnalysisRow.body).where(AnalysisRow.run_id.in_(run_ids))
    return {row.run_id: KeptAnalysis(row.name, row.body) for row in session().execute(query)}


def forget_analyses(run_ids: Collection[int]) -> None:
    """Within a transaction: keep nothing of what was found out about these runs."""
    if run_ids:
        change(delete(AnalysisRow).where(AnalysisRow.run_id.in_(run_ids)))


def keep_analysis(
    taken: DueRun, evidence: str, name: str, found: RunAnalysis | None, steps: Sequence[TestStep],
) -> bool:
    """Within a transaction: keep what was found out about a run, under the name of what it was made from; None where that failed.

    False, and nothing is kept, where the run is not held any more, or was judged anew.
    """
    row = session().execute(select(RunRow.evidence).where(*_held(taken)).with_for_update()).one_or_none()
    if row is None or row.evidence != evidence:
        return False
    forget_analyses([taken.run_id])
    session().execute(insert(AnalysisRow), [{
        "run_id": taken.run_id, "name": name, "version": ANALYSIS_VERSION, "body": b"" if found is None else packed(found)}])
    _insert(StepRow, [_step_values(taken.run_id, step) for step in steps])
    _insert(ClusterRow, [] if found is None else [
        {"run_id": taken.run_id, "ordinal": ordinal, "class_id": cause.cluster.class_id, "exact_id": cause.cluster.exact_id,
         "origin": cause.origin.value, "test_count": len(cause.cluster.regression_ids)}
        for ordinal, cause in enumerate(found.causes)])
    return drop_due_run(taken)


def _insert(table: type[StepRow | ClusterRow], values: Sequence[dict[str, object]]) -> None:
    if values:
        session().execute(insert(table), values)


def _step_values(run_id: int, step: TestStep) -> dict[str, object]:
    body = {
        "from_run_id": step.from_run_id, "from_commit": step.from_commit, "untested": step.untested[:STEP_COMMITS],
        "facts": [fact.fields for fact in (step.facts or ())[:STEP_FACTS]]}
    return {
        "run_id": run_id, "regression_id": step.regression_id, "is_change": step.is_change, "came": name_of_came(step.came),
        "step": None if step.facts is None else name_of_step(step.facts), "body": orjson.dumps(body)}


def name_of_came(came: Came) -> str:
    """A name (32 hex digits) for what a test came to."""
    return _name([came.ending, sorted(came.outputs.items())])


def name_of_step(facts: Facts) -> str:
    """A name for what is different: the same kinds and parameters, the same name."""
    return _name(sorted((fact.kind, fact.parameter) for fact in facts))


def _name(content: object) -> str:
    return blake2b(orjson.dumps(content), digest_size=16).hexdigest()
