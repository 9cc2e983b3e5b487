"""Snapshots of the reports that finished runs were judged by, since the platform's rows may change or vanish later."""
from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import orjson
from sqlalchemy import bindparam, delete, insert, select

from api.domain.results.result import OutputReport, Report, TestReports
from api.domain.runs.expected_tests import ExpectedTests
from api.storage.database import change, read, session
from api.storage.tables import ReportSnapshotRow

Reports = Mapping[int, TestReports]

_ONE = select(ReportSnapshotRow.body).where(ReportSnapshotRow.run_id == bindparam("run_id"))


def load_snapshot(run_id: int, expected: ExpectedTests) -> Reports | None:
    """What a run was judged by, by regression id; None where it is not over, or was never judged."""
    body = read(_ONE, {"run_id": run_id}).scalar_one_or_none()
    return None if body is None else unpack(body, expected)


def load_snapshots(expected: Mapping[int, ExpectedTests]) -> dict[int, Reports]:
    """What these runs, by their ids and sets, were judged by; those that never were are left out."""
    rows = session().execute(select(ReportSnapshotRow.run_id, ReportSnapshotRow.body).where(ReportSnapshotRow.run_id.in_(expected)))
    return {run_id: unpack(body, expected[run_id]) for run_id, body in rows}


def keep(reports: Mapping[int, tuple[ExpectedTests, Reports]]) -> None:
    """Within a transaction: keep what these runs, of which nothing is kept, are judged by, with the set of each."""
    if reports:
        session().execute(insert(ReportSnapshotRow), [
            {"run_id": run_id, "body": pack(each, expected)} for run_id, (expected, each) in reports.items()])


def forget(run_ids: Collection[int]) -> None:
    """Within a transaction: keep nothing of these runs."""
    change(delete(ReportSnapshotRow).where(ReportSnapshotRow.run_id.in_(run_ids)))


def pack(reports: Reports, expected: ExpectedTests) -> bytes:
    """Reports as bytes; the hash of what an output was compared with is left out where it is the set's baseline."""
    return zlib.compress(orjson.dumps(list(_packed(reports, _baselines(expected)))))


def _packed(reports: Reports, baselines: Mapping[tuple[int, int], str]) -> Iterator[list[Any]]:
    for regression_id, reported in reports.items():
        end = reported.report and [reported.report.exit_code, reported.report.runtime_ms, reported.report.expected_exit_code]
        yield [regression_id, end, [
            [each.output_id, each.got, None if baselines.get((regression_id, each.output_id)) == each.expected else each.expected]
            for each in reported.outputs.values()]]


def unpack(body: bytes, expected: ExpectedTests) -> Reports:
    """The reports that were packed with this set."""
    baselines = _baselines(expected)
    return {
        regression_id: TestReports(None if end is None else Report(regression_id, *end), {
            output_id: OutputReport(regression_id, output_id, got, baselines[regression_id, output_id] if other is None else other)
            for output_id, got, other in outputs})
        for regression_id, end, outputs in orjson.loads(zlib.decompress(body))}


def _baselines(expected: ExpectedTests) -> Mapping[tuple[int, int], str]:
    return {(test.regression_id, output.output_id): output.baseline for test in expected.tests for output in test.outputs}
