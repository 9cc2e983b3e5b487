"""What finished runs were judged by, kept as it was, since the platform's rows may change or vanish later."""
from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any

import orjson
from sqlalchemy import bindparam, delete, insert, select

from api.domain.results.failure_code import RULES_VERSION
from api.domain.results.judged_run import Evidence
from api.domain.results.result import JudgedTest, OutputReport, Report, TestReports, judge
from api.domain.results.runtime import PastReports
from api.domain.runs.expected_tests import ExpectedTests
from api.domain.runs.infrastructure import EventOrigin
from api.domain.runs.infrastructure_code import InfrastructureCode, InfrastructureType
from api.domain.runs.run import Phase, ProgressEvent
from api.storage.database import change, read_one, session
from api.storage.runs.expected_tests import parsed_set
from api.storage.tables.results import EvidenceRow
from api.storage.tables.runs import ExpectedTestsRow, RunRow

Reports = Mapping[int, TestReports]

_ONE = (
    select(RunRow.evidence, EvidenceRow.body, ExpectedTestsRow.digest)
    .join(RunRow, RunRow.run_id == EvidenceRow.run_id).join(ExpectedTestsRow, ExpectedTestsRow.id == RunRow.expected_tests_id)
    .where(EvidenceRow.run_id == bindparam("run_id")))


def load_evidence(run_id: int) -> tuple[str, Evidence] | None:
    """What a finished run was judged by, and the name of that; None where it is not over, or was never judged."""
    row = read_one(_ONE, {"run_id": run_id})
    return None if row is None else (row.evidence, unpack(row.body, parsed_set(row.digest)))


def load_reports_kept(expected: Mapping[int, ExpectedTests]) -> dict[int, Reports]:
    """The reports that these runs, by their ids and sets, were judged by; those that never were are left out."""
    rows = session().execute(select(EvidenceRow.run_id, EvidenceRow.body).where(EvidenceRow.run_id.in_(expected)))
    return {run_id: unpack(body, expected[run_id]).reports for run_id, body in rows}


def keep_evidence(evidence: Mapping[int, Evidence]) -> dict[int, str]:
    """Within a transaction: keep what these runs, of which nothing is kept, are judged by. Returns a name for each.

    The name is a digest of all that is kept, of the set and of the rules' version, so equal names stand for equal outcomes.
    """
    bodies = {run_id: pack(each) for run_id, each in evidence.items()}
    if bodies:
        session().execute(insert(EvidenceRow), [{"run_id": run_id, "body": body} for run_id, body in bodies.items()])
    return {run_id: _name(body, evidence[run_id].expected) for run_id, body in bodies.items()}


def _name(body: bytes, expected: ExpectedTests) -> str:
    return blake2b(body, digest_size=16, key=expected.digest.encode(), person=RULES_VERSION.to_bytes(4, "big")).hexdigest()


def forget_evidence(run_ids: Collection[int]) -> None:
    """Within a transaction: keep nothing of these runs."""
    change(delete(EvidenceRow).where(EvidenceRow.run_id.in_(run_ids)))


def pack(evidence: Evidence) -> bytes:
    """Evidence as bytes, without the set; the hash of what an output was compared with is left out where it is the set's baseline."""
    return zlib.compress(orjson.dumps({
        "reports": list(_packed(evidence.reports, _baselines(evidence.expected))),
        "events": [[each.event_id, each.phase.value, each.at, each.message, each.dated] for each in evidence.events],
        "origins": [[event_id, each.type, each.stack, each.code] for event_id, each in evidence.origins.items()],
        "ended_at": list(evidence.ended_at.items())}))


def _packed(reports: Reports, baselines: Mapping[tuple[int, int], str]) -> Iterator[list[Any]]:
    for regression_id, reported in reports.items():
        end = reported.report and [reported.report.exit_code, reported.report.runtime_ms, reported.report.expected_exit_code]
        yield [regression_id, end, [
            [each.output_id, each.got, None if baselines.get((regression_id, each.output_id)) == each.expected else each.expected]
            for each in reported.outputs.values()]]


def unpack(body: bytes, expected: ExpectedTests) -> Evidence:
    """The evidence that was packed with this set."""
    kept, baselines = _kept_in(body), _baselines(expected)
    return Evidence(
        expected, _reports_in(kept["reports"], baselines),
        tuple(
            ProgressEvent(event_id, Phase(phase), datetime.fromisoformat(at), message, dated)
            for event_id, phase, at, message, dated in kept["events"]),
        {
            event_id: _origin_in(*origin)
            for event_id, *origin in kept["origins"]},
        {regression_id: datetime.fromisoformat(at) for regression_id, at in kept["ended_at"]})


def _origin_in(kind: str | None, stack: Iterable[str], code: str | None = None) -> EventOrigin:
    # What was kept before there were codes has none.
    return EventOrigin(
        None if kind is None else InfrastructureType(kind), tuple(stack), None if code is None else InfrastructureCode[code])


def _reports_in(kept: Iterable[Any], baselines: Mapping[tuple[int, int], str]) -> dict[int, TestReports]:
    return {
        regression_id: TestReports(None if end is None else Report(regression_id, *end), {
            output_id: OutputReport(regression_id, output_id, got, baselines[regression_id, output_id] if other is None else other)
            for output_id, got, other in outputs})
        for regression_id, end, outputs in kept}


def load_past_reports(run_ids: Collection[int], with_outputs: Collection[int] = ()) -> dict[int, PastReports]:
    """How tests ended in these runs, as far as they are over, by run id; of the tests in `with_outputs` also what came out."""
    rows = session().execute(select(EvidenceRow.run_id, EvidenceRow.body).where(EvidenceRow.run_id.in_(run_ids)))
    return {run_id: _past_reports(run_id, body, frozenset(with_outputs)) for run_id, body in rows}


def load_tests_in(run_ids: Collection[int], regression_ids: Collection[int]) -> dict[int, dict[int, JudgedTest]]:
    """These tests as they were judged in these runs, as far as they have a result there, by run id and regression id."""
    rows = session().execute(
        select(EvidenceRow.run_id, EvidenceRow.body, ExpectedTestsRow.digest)
        .join(RunRow, RunRow.run_id == EvidenceRow.run_id).join(ExpectedTestsRow, ExpectedTestsRow.id == RunRow.expected_tests_id)
        .where(EvidenceRow.run_id.in_(run_ids))).all()
    wanted = frozenset(regression_ids)
    return {row.run_id: _judged_in(row.body, parsed_set(row.digest).only(wanted)) for row in rows}


def _judged_in(body: bytes, expected: ExpectedTests) -> dict[int, JudgedTest]:
    reports = _reports_in([each for each in _kept_in(body)["reports"] if each[0] in expected.by_id], _baselines(expected))
    return {test.test.regression_id: test for test in judge(expected, reports, Phase.COMPLETED) if test.verdict.has_result}


def _past_reports(run_id: int, body: bytes, with_outputs: frozenset[int]) -> PastReports:
    # Neither the set nor the rest of the evidence is needed for this, of which very much is read.
    reports = _kept_in(body)["reports"]
    return PastReports(
        run_id, {regression_id: Report(regression_id, *end) for regression_id, end, _ in reports if end},
        {regression_id: {output_id: got for output_id, got, _ in outputs}
         for regression_id, _, outputs in reports if regression_id in with_outputs})


def _kept_in(body: bytes) -> dict[str, list[Any]]:
    kept = orjson.loads(zlib.decompress(body))
    # The reports alone are what was kept before the rules had a version.
    return {"reports": kept, "events": [], "origins": [], "ended_at": []} if isinstance(kept, list) else kept


def _baselines(expected: ExpectedTests) -> Mapping[tuple[int, int], str]:
    return {(test.regression_id, output.output_id): output.baseline for test in expected.tests for output in test.outputs}
