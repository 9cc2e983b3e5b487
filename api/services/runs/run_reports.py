"""Stores what is reported of a run, by whichever protocol: within a transaction, with the run locked. A repeat changes nothing."""
from __future__ import annotations

from datetime import datetime

from api.domain.results.failure import hit_limit
from api.domain.results.result import OutputReport, Report
from api.domain.runs.claimed_run import BuildReport
from api.domain.runs.expected_tests import ExpectedOutput, ExpectedTest
from api.domain.runs.infrastructure import EventOrigin
from api.domain.runs.progress import Advance, advance
from api.domain.runs.run import Phase
from api.services.results.verdicts import derive_state
from api.services.runs.run_finished import record_run_finished
from api.storage.results.results import record_output, record_report, record_result_time
from api.storage.results.verdicts import count_infrastructure_error
from api.storage.runs.builds import record_build
from api.storage.runs.progress import list_events, record_event


def move_on(
    run_id: int, phase: Phase, message: str, build: BuildReport, origin: EventOrigin | None, *, now: datetime, main_repository: str,
) -> Advance:
    """Move a run on. A phase that lies behind it, or after its end, is refused and changes nothing."""
    outcome = advance(list_events(run_id), phase, message)
    if outcome is Advance.STORED:
        record_event(run_id, phase, message, at=now, origin=origin)
        record_build(run_id, build)
        if derive_state(run_id).is_finished:
            record_run_finished(run_id, main_repository=main_repository)
    return outcome


def keep_end(run_id: int, test: ExpectedTest, exit_code: int, runtime_ms: int, now: datetime) -> None:
    """Keep how the program of a test ended."""
    report = Report(test.regression_id, exit_code, runtime_ms, test.expected_exit_code)
    if record_report(run_id, report):
        record_result_time(run_id, test.regression_id, now)
        if hit_limit(test, report):
            count_infrastructure_error(run_id)


def keep_output(run_id: int, test: ExpectedTest, output: ExpectedOutput, got: str | None) -> None:
    """Keep what became of an output of a test: the hash of what came out, None where that is its baseline."""
    record_output(run_id, OutputReport(test.regression_id, output.output_id, got, output.baseline))
