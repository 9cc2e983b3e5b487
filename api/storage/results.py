"""What workers reported of the regression tests of a run."""
from __future__ import annotations

from collections import defaultdict

from sqlalchemy import select

from api.domain.result import OutputReport, Report, TestReports
from api.storage.database import session
from api.storage.platform_tables import ResultFileRow, ResultRow


def load_reports(run_id: int) -> dict[int, TestReports]:
    """Everything reported in a run, by regression id."""
    ended = session().execute(
        select(ResultRow.regression_test_id, ResultRow.exit_code, ResultRow.runtime, ResultRow.expected_rc)
        .where(ResultRow.test_id == run_id))
    reports = {row[0]: Report(row[0], row[1], row[2], row[3]) for row in ended}
    outputs: defaultdict[int, dict[int, OutputReport]] = defaultdict(dict)
    produced = session().execute(
        select(ResultFileRow.regression_test_id, ResultFileRow.regression_test_output_id, ResultFileRow.got, ResultFileRow.expected)
        .where(ResultFileRow.test_id == run_id))
    for regression_id, output_id, got, expected in produced:
        outputs[regression_id][output_id] = OutputReport(regression_id, output_id, got, expected)
    return {each: TestReports(reports.get(each), outputs.get(each, {})) for each in reports.keys() | outputs.keys()}


def record_report(run_id: int, report: Report) -> bool:
    """Keep the end of a regression test; the first report stands. Tells whether it was new."""
    if session().get(ResultRow, (run_id, report.regression_id)) is not None:
        return False
    session().add(ResultRow(
        test_id=run_id, regression_test_id=report.regression_id, runtime=report.runtime_ms,
        exit_code=report.exit_code, expected_rc=report.expected_exit_code))
    session().flush()
    return True


def record_output(run_id: int, output: OutputReport) -> bool:
    """Keep what became of one output; the first report stands. Tells whether it was new."""
    if session().get(ResultFileRow, (run_id, output.regression_id, output.output_id)) is not None:
        return False
    session().add(ResultFileRow(
        test_id=run_id, regression_test_id=output.regression_id, regression_test_output_id=output.output_id,
        expected=output.expected, got=output.got))
    session().flush()
    return True
