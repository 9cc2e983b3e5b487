"""The stored verdicts, counts and states of runs."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any, cast

from sqlalchemy import Row, Table, bindparam, delete, func, insert, select, update

from api.domain.runs.summary import Summary
from api.storage.database import change, read_one, session
from api.storage.results.evidence import forget_evidence
from api.storage.tables.results import VerdictRow
from api.storage.tables.runs import RunRow

COUNTS = tuple(name for name in Summary.__dataclass_fields__ if name != "pending_count")
RUNS = cast(Table, RunRow.__table__)
VERDICTS = cast(Table, VerdictRow.__table__)
_COUNTS = select(*(getattr(RunRow, name) for name in COUNTS)).where(
    RunRow.run_id == bindparam("run_id"), RunRow.evidence == bindparam("evidence"))
# What a run's state is derived from: the columns that `lock_runs` names.
RunState = Row[*tuple[Any, ...]]


def find_counts(run_id: int, evidence: str) -> Summary | None:
    """The stored counts of a run that is over; None where they are of other evidence by now."""
    row = read_one(_COUNTS, {"run_id": run_id, "evidence": evidence})
    return None if row is None else Summary(pending_count=0, **{name: value or 0 for name, value in zip(COUNTS, row, strict=True)})


def count_infrastructure_error(run_id: int) -> None:
    """Within a transaction: count one more infrastructure error of a run that is not over; its end counts them anew."""
    session().execute(update(RunRow).where(RunRow.run_id == run_id).values(
        infrastructure_error_count=func.coalesce(RunRow.infrastructure_error_count, 0) + 1))


def lock_runs(run_ids: Collection[int]) -> Sequence[RunState]:
    """Within a transaction: the rows that states are derived from, by id, held until the end."""
    return session().execute(
        select(
            RunRow.run_id, RunRow.status, RunRow.expected_tests_id, RunRow.created_at, RunRow.platform, RunRow.branch,
            RunRow.last_progress_id, RunRow.altered, RunRow.rules_version, *(getattr(RunRow, name) for name in COUNTS))
        .where(RunRow.run_id.in_(run_ids)).order_by(RunRow.run_id).with_for_update()).all()


def load_verdicts(run_ids: Collection[int]) -> dict[int, dict[int, tuple[str, str | None]]]:
    """The stored verdicts of these runs, each with its signature, by run and regression id."""
    found: defaultdict[int, dict[int, tuple[str, str | None]]] = defaultdict(dict)
    if run_ids:
        rows = session().execute(
            select(VerdictRow.run_id, VerdictRow.regression_id, VerdictRow.verdict, VerdictRow.signature)
            .where(VerdictRow.run_id.in_(run_ids)))
        for run_id, regression_id, verdict, signature in rows:
            found[run_id][regression_id] = verdict, signature
    return dict(found)


def forget_verdicts(run_ids: Collection[int]) -> None:
    """Within a transaction: delete the verdicts of these runs, and what they were made from."""
    if run_ids:
        change(delete(VerdictRow).where(VerdictRow.run_id.in_(run_ids)))
        forget_evidence(run_ids)


def store_verdicts(values: list[dict[str, Any]]) -> None:
    """Within a transaction: store verdicts, a row each."""
    if values:
        # In the order of the key, so that each regression test's part of the table is gone to once.
        values.sort(key=lambda value: (value["regression_id"], value["created_at"]))
        session().execute(insert(VERDICTS), values)


def store_states(values: list[dict[str, Any]]) -> None:
    """Within a transaction: store the states of runs, each with its id as `of_run`; all have the same columns."""
    if values:
        columns: dict[str, Any] = {name: bindparam(name) for name in values[0] if name != "of_run"}
        session().execute(update(RUNS).where(RUNS.c.run_id == bindparam("of_run")).values(columns), values)
        session().expire_all()
