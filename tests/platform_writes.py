"""Changes that the platform's own programs make to rows; within an application context, each committed at once."""
from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, update

from api.domain.runs.run import Phase
from api.storage.database import session, transaction
from api.storage.platform_tables import (
    CustomizedTestRow,
    ProgressRow,
    RegressionOutputRow,
    RegressionTestRow,
    ResultFileRow,
    ResultRow,
    SampleRow,
    TestForkRow,
    TestRow,
)
from tests.builders import BuiltTest


def _delete(table: Any, *where: ColumnElement[bool]) -> None:
    with transaction():
        session().execute(delete(table).where(*where))


def _update(table: Any, *where: ColumnElement[bool], **values: Any) -> None:
    with transaction():
        session().execute(update(table).where(*where).values(**values))


def restart_run(run_id: int) -> None:
    """Delete the events, the results and the outputs of a run, so that it is queued again."""
    with transaction():
        for table in (ProgressRow, ResultRow, ResultFileRow):
            session().execute(delete(table).where(table.test_id == run_id))


def restrict_run(run_id: int, *regression_ids: int, requester_id: int | None = None) -> None:
    """Say which tests a run executes, and who asked for it, as the platform does in a transaction after the one that made the run."""
    with transaction() as current:
        current.add_all([CustomizedTestRow(test_id=run_id, regression_id=each) for each in regression_ids])
        if requester_id is not None:
            current.add(TestForkRow(test_id=run_id, user_id=requester_id))


def delete_events(run_id: int, phase: Phase | None = None) -> None:
    """Delete the events of a run, those of one phase if it is given."""
    _delete(ProgressRow, ProgressRow.test_id == run_id, *([] if phase is None else [ProgressRow.status == phase.value]))


def delete_last_event(run_id: int) -> None:
    """Delete the newest event of a run."""
    with transaction():
        last = session().execute(select(func.max(ProgressRow.id)).where(ProgressRow.test_id == run_id)).scalar()
        session().execute(delete(ProgressRow).where(ProgressRow.id == last))


def delete_results(run_id: int) -> None:
    """Delete the results of a run; its outputs stay."""
    _delete(ResultRow, ResultRow.test_id == run_id)


def delete_outputs(run_id: int) -> None:
    """Delete the outputs of a run; its results stay."""
    _delete(ResultFileRow, ResultFileRow.test_id == run_id)


def delete_run(run_id: int | None) -> None:
    """Delete a run, and what the database deletes with it."""
    _delete(TestRow, TestRow.id == run_id)


def change_run(run_id: int, **columns: str | int) -> None:
    """Write values into columns of a run's row."""
    _update(TestRow, TestRow.id == run_id, **columns)


def change_exit_codes(run_id: int, exit_code: int) -> None:
    """Give all results of a run this exit code."""
    _update(ResultRow, ResultRow.test_id == run_id, exit_code=exit_code)


def deactivate(test: BuiltTest) -> None:
    """Take a regression test out of use."""
    _update(RegressionTestRow, RegressionTestRow.id == test.regression_id, active=False)


def change_command(test: BuiltTest, command: str) -> None:
    """Give a regression test other arguments."""
    _update(RegressionTestRow, RegressionTestRow.id == test.regression_id, command=command)


def delete_regression_test(test: BuiltTest) -> None:
    """Delete a regression test, and what the database deletes with it."""
    _delete(RegressionTestRow, RegressionTestRow.id == test.regression_id)


def set_baseline(output_id: int, digest: str) -> None:
    """Give an output another baseline."""
    _update(RegressionOutputRow, RegressionOutputRow.id == output_id, correct=digest)


def delete_output(output_id: int) -> None:
    """Delete an output that a regression test produces."""
    _delete(RegressionOutputRow, RegressionOutputRow.id == output_id)


def rename_sample(sample_id: int, name: str) -> None:
    """Give a sample another original name."""
    _update(SampleRow, SampleRow.id == sample_id, original_name=name)
