"""Reports that come while others read."""
from __future__ import annotations

import pytest

from api.storage.results.results import load_reports
from tests.builders import add_passed_result, add_regression_test, add_run
from tests.databases import Database


@pytest.mark.parametrize("table", ["test_result_file", "test_result"])
def test_whoever_reads_while_a_worker_reports_sees_no_end_without_the_outputs_before_it(database: Database, table: str) -> None:
    test = add_regression_test()
    run_id = add_run(tests=[test.regression_id])

    with database.overtaken(lambda: add_passed_result(run_id, test), before=f"SELECT {table}."):
        reports = load_reports(run_id)[test.regression_id]

    assert reports.outputs.keys() == set(test.output_ids)
