"""Reports of workers on the regression tests of a run."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Select, bindparam, insert, select, update

from api.domain.results.result import OutputReport, Report, TestReports
from api.storage.database import change, read, session, write
from api.storage.platform_tables import ResultFileRow, ResultRow
from api.storage.tables.results import ResultTimeRow

_REPORT = select(ResultRow.test_id).where(
    ResultRow.test_id == bindparam("run_id"), ResultRow.regression_test_id == bindparam("regression_id"))
_OUTPUT = select(ResultFileRow.test_id).where(
    ResultFileRow.test_id == bindparam("run_id"), ResultFileRow.regression_test_id == bindparam("regression_id"),
    ResultFileRow.regression_test_output_id == bindparam("output_id"))
_TIME = select(ResultTimeRow.run_id).where(
    ResultTimeRow.run_id == bindparam("run_id"), ResultTimeRow.regression_id == bindparam("regression_id"))
_ADD_REPORT, _ADD_OUTPUT, _ADD_TIME = insert(ResultRow), insert(ResultFileRow), insert(ResultTimeRow)


def load_reports(run_id: int) -> Mapping[int, TestReports]:
    """Everything reported in a run, by regression id."""
    return load_reports_of([run_id])[run_id]


def load_reports_of(run_ids: Collection[int]) -> dict[int, Mapping[int, TestReports]]:
    """Everything reported in these runs, by run and regression id."""
    # First the ends: a worker that reports meanwhile must not let a test be seen that ended without the outputs it had by then.
    ends = session().execute(
        select(ResultRow.test_id, ResultRow.regression_test_id, ResultRow.exit_code, ResultRow.runtime, ResultRow.expected_rc)
        .where(ResultRow.test_id.in_(run_ids))).all()
    outputs: defaultdict[tuple[int, int], dict[int, OutputReport]] = defaultdict(dict)
    produced = session().execute(
        select(
            ResultFileRow.test_id, ResultFileRow.regression_test_id, ResultFileRow.regression_test_output_id, ResultFileRow.got,
            ResultFileRow.expected)
        .where(ResultFileRow.test_id.in_(run_ids)))
    for run_id, regression_id, output_id, got, expected in produced:
        outputs[run_id, regression_id][output_id] = OutputReport(regression_id, output_id, got, expected)
    found: dict[int, dict[int, TestReports]] = {run_id: {} for run_id in run_ids}
    for run_id, regression_id, exit_code, runtime, expected_code in ends:
        report = Report(regression_id, exit_code, runtime, expected_code)
        found[run_id][regression_id] = TestReports(report, outputs.pop((run_id, regression_id), {}))
    for (run_id, regression_id), without_end in outputs.items():
        found[run_id][regression_id] = TestReports(None, without_end)
    return dict(found)


def list_ended(run_id: int) -> set[int]:
    """The ids of the regression tests that ended in a run."""
    return set(session().execute(select(ResultRow.regression_test_id).where(ResultRow.test_id == run_id)).scalars())


def load_result_times(run_id: int) -> Mapping[int, datetime]:
    """When the regression tests of a run ended, by regression id, as far as they ended before this server's eyes."""
    return load_result_times_of([run_id]).get(run_id, {})


def load_result_times_of(run_ids: Collection[int]) -> dict[int, dict[int, datetime]]:
    """When the regression tests of these runs ended, by run and regression id."""
    found: defaultdict[int, dict[int, datetime]] = defaultdict(dict)
    rows = session().execute(
        select(ResultTimeRow.run_id, ResultTimeRow.regression_id, ResultTimeRow.ended_at).where(ResultTimeRow.run_id.in_(run_ids)))
    for run_id, regression_id, ended_at in rows:
        found[run_id][regression_id] = ended_at
    return dict(found)


def record_result_time(run_id: int, regression_id: int, ended_at: datetime) -> None:
    """Note when a regression test ended; a run that the platform restarted may have an older note."""
    key = {"run_id": run_id, "regression_id": regression_id}
    if _is_new(_TIME, key):
        write(_ADD_TIME, key | {"ended_at": ended_at})
    else:
        change(update(ResultTimeRow).filter_by(**key).values(ended_at=ended_at))


def record_report(run_id: int, report: Report) -> bool:
    """Keep the end of a regression test; the first report stands. Tells whether it was new."""
    key = {"run_id": run_id, "regression_id": report.regression_id}
    if not _is_new(_REPORT, key):
        return False
    write(_ADD_REPORT, {
        "test_id": run_id, "regression_test_id": report.regression_id, "runtime": report.runtime_ms,
        "exit_code": report.exit_code, "expected_rc": report.expected_exit_code})
    return True


def record_output(run_id: int, output: OutputReport) -> bool:
    """Keep what became of one output; the first report stands. Tells whether it was new."""
    key = {"run_id": run_id, "regression_id": output.regression_id, "output_id": output.output_id}
    if not _is_new(_OUTPUT, key):
        return False
    write(_ADD_OUTPUT, {
        "test_id": run_id, "regression_test_id": output.regression_id, "regression_test_output_id": output.output_id,
        "expected": output.expected, "got": output.got})
    return True


def _is_new(statement: Select[int], key: Mapping[str, int]) -> bool:
    return not read(statement, key)
