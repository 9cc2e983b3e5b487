"""Updates the platform's tables when a run finishes, in the same transaction."""
from __future__ import annotations

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from api.domain.results.result import Verdict
from api.domain.runs.run import RunStatus
from api.storage.database import TransactionConflict, session
from api.storage.platform_tables import GeneralDataRow, InstanceRow, RegressionTestRow
from api.storage.tables import RunRow, VerdictRow

RAN = (RunStatus.PASS.value, RunStatus.FAIL.value, RunStatus.INCOMPLETE.value)
LAST_PASSED = {"linux": RegressionTestRow.last_passed_on_linux, "windows": RegressionTestRow.last_passed_on_windows}


def record_run_finished(run_id: int, *, main_repository: str) -> None:
    """Free the run's virtual machine, move the platform's average time, and note which regression tests last passed in it."""
    session().query(InstanceRow).filter(InstanceRow.test_id == run_id).delete(synchronize_session=False)
    row = session().get_one(RunRow, run_id, populate_existing=True)
    if row.status not in RAN:
        return
    _move_average(row)
    if row.repository == main_repository.lower() and row.pull_request is None:
        passed = select(VerdictRow.regression_id).where(VerdictRow.run_id == run_id, VerdictRow.verdict == Verdict.PASS.value)
        session().execute(
            update(RegressionTestRow).where(RegressionTestRow.id.in_(list(session().execute(passed).scalars())))
            .values({LAST_PASSED[row.platform]: run_id}).execution_options(synchronize_session=False))


def _keep_first_average(key: str, seconds: int) -> None:
    try:
        with session().begin_nested():
            session().add(GeneralDataRow(key=key, value=str(seconds)))
    except IntegrityError as other:
        raise TransactionConflict("another run ended at the same time") from other


def _move_average(row: RunRow) -> None:
    # The platform keeps a running mean, in whole seconds, over all runs of a platform that ran to an end.
    if row.started_at is None or row.completed_at is None:
        return
    took = max(0, int((row.completed_at - row.started_at).total_seconds()))
    ended = session().execute(
        select(func.count()).select_from(RunRow).where(RunRow.platform == row.platform, RunRow.status.in_(RAN))).scalar_one()
    key = f"average_time_{row.platform}"
    kept = session().execute(select(GeneralDataRow).where(GeneralDataRow.key == key).with_for_update()).scalar_one_or_none()
    if kept is None:
        _keep_first_average(key, took)
        return
    # What is no number of seconds, of a few thousand years at most, is begun anew.
    before = int(kept.value) if kept.value.isdecimal() and len(kept.value) <= 11 else took
    kept.value = str(before + round((took - before) / max(1, ended)))
