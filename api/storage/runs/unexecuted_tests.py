"""Errors that kept machines from executing tests of a run."""
from __future__ import annotations

from sqlalchemy import delete, select

from api.domain.runs.claimed_run import ReportedError
from api.domain.runs.infrastructure_code import InfrastructureCode, InfrastructureType
from api.storage.database import change, session
from api.storage.tables.runs import TestErrorRow


def record_test_error(run_id: int, regression_id: int, error: ReportedError) -> bool:
    """Within a transaction: keep why a test was not executed; the first error stands. Tells whether it was new."""
    if session().get(TestErrorRow, (run_id, regression_id)) is not None:
        return False
    session().add(TestErrorRow(
        run_id=run_id, regression_id=regression_id, type=error.type, code=error.code, message=error.message))
    session().flush()
    return True


def list_test_errors(run_id: int) -> list[ReportedError]:
    """The errors of a run, by regression id."""
    rows = session().execute(
        select(TestErrorRow.type, TestErrorRow.code, TestErrorRow.message)
        .where(TestErrorRow.run_id == run_id).order_by(TestErrorRow.regression_id))
    return [
        ReportedError(InfrastructureType(kind), None if code is None else InfrastructureCode[code], message)
        for kind, code, message in rows]


def forget_test_errors(run_id: int) -> None:
    """Within a transaction: delete the errors of a run, which begins anew."""
    change(delete(TestErrorRow).where(TestErrorRow.run_id == run_id))
