"""Changes the platform's own tables at the end of a run."""
from __future__ import annotations

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from api.domain.results.result import Verdict
from api.domain.runs.run import RunStatus
from api.storage.database import TransactionConflict, session
from api.storage.platform_tables import GeneralDataRow, InstanceRow, RegressionTestRow
from api.storage.tables.results import VerdictRow
from api.storage.tables.runs import RunRow

RAN = (RunStatus.PASS.value, RunStatus.FAIL.value, RunStatus.INCOMPLETE.value)
LAST_PASSED = {"linux": RegressionTestRow.last_passed_on_linux, "windows": RegressionTestRow.last_passed_on_windows}


def free_machine(run_id: int) -> None:
    """Within a transaction: delete the row of the virtual machine that the platform made for the run."""
    session().query(InstanceRow).filter(InstanceRow.test_id == run_id).delete(synchronize_session=False)


def record_last_passed(run_id: int, platform: str) -> None:
    """Within a transaction: record the run as the last one passed, on this platform, in each regression test that passed in it."""
    passed = select(VerdictRow.regression_id).where(VerdictRow.run_id == run_id, VerdictRow.verdict == Verdict.PASS.value)
    session().execute(
        update(RegressionTestRow).where(RegressionTestRow.id.in_(list(session().execute(passed).scalars())))
        .values({LAST_PASSED[platform]: run_id}).execution_options(synchronize_session=False))


def move_average(platform: str, took: int) -> None:
    """Within a transaction: add the duration of a run, `took` seconds, to the platform's average over the runs that ran to an end.

    The average is kept in whole seconds. Raises TransactionConflict if another run stored the first average at the same time.
    """
    ended = session().execute(
        select(func.count()).select_from(RunRow).where(RunRow.platform == platform, RunRow.status.in_(RAN))).scalar_one()
    key = f"average_time_{platform}"
    kept = session().execute(select(GeneralDataRow).where(GeneralDataRow.key == key).with_for_update()).scalar_one_or_none()
    if kept is None:
        _keep_first_average(key, took)
        return
    # What is no number of seconds, of a few thousand years at most, is begun anew.
    before = int(kept.value) if kept.value.isdecimal() and len(kept.value) <= 11 else took
    kept.value = str(before + round((took - before) / max(1, ended)))


def _keep_first_average(key: str, seconds: int) -> None:
    try:
        with session().begin_nested():
            session().add(GeneralDataRow(key=key, value=str(seconds)))
    except IntegrityError as other:
        raise TransactionConflict("another run ended at the same time") from other
