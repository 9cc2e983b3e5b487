"""Stores the messages of workers: each in one transaction, idempotent, and only for tests of the run."""
from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from api.domain.results.failure import hit_limit
from api.domain.results.result import OutputReport, Report
from api.domain.runs.expected_tests import ExpectedOutput
from api.domain.runs.infrastructure import origin_of_report
from api.domain.runs.progress import Advance, advance
from api.domain.runs.worker_message import Answer, EqualityMessage, FinishMessage, ProgressMessage, UploadMessage
from api.services.results.verdicts import derive_state
from api.services.runs.run_finished import record_run_finished
from api.services.runs.worker_access import WorkerRun, lock_worker_run
from api.storage.results.results import record_output, record_report, record_result_time
from api.storage.results.verdicts import count_infrastructure_error
from api.storage.runs.builds import record_build
from api.storage.runs.progress import list_events, record_event

log = logging.getLogger(__name__)

Place = Callable[[ExpectedOutput], str]


def store_progress(run_id: int, message: ProgressMessage, *, now: datetime, main_repository: str) -> Answer:
    """Within a transaction: move a run on. FAIL for a phase that lies behind it, or after its end."""
    lock_worker_run(run_id, now)
    outcome = advance(list_events(run_id), message.phase, message.message)
    if outcome is Advance.STORED:
        origin = origin_of_report(message.phase, message.message)
        record_event(run_id, message.phase, message.message, at=now, origin=origin)
        record_build(run_id, message.build)
        if derive_state(run_id).is_finished:
            record_run_finished(run_id, main_repository=main_repository)
    return Answer.FAIL if outcome is Advance.REFUSED else Answer.OK


def store_finish(run_id: int, message: FinishMessage, *, now: datetime) -> Answer:
    """Within a transaction: store the end of a regression test."""
    run = lock_worker_run(run_id, now)
    test = run.find_test(message.regression_id)
    if test is None:
        return _pass_over(run_id, message.regression_id, None)
    if run.status.is_finished:
        return Answer.FAIL
    report = Report(message.regression_id, message.exit_code, message.runtime_ms, test.expected_exit_code)
    if record_report(run_id, report):
        record_result_time(run_id, message.regression_id, now)
        if hit_limit(test, report):
            count_infrastructure_error(run_id)
    return Answer.OK


def store_equality(run_id: int, message: EqualityMessage, *, now: datetime) -> Answer:
    """Within a transaction: store that an output matched."""
    return _take_output(run_id, message, now, lambda output: None)


def store_upload(run_id: int, message: UploadMessage, *, now: datetime, place: Place) -> Answer:
    """Within a transaction: store an output that did not match. `place` puts its file in the store and returns its hash.

    The file is named by its content and placed before the row is written, so that no row is ever without its file.
    """
    return _take_output(run_id, message, now, place)


def _take_output(
    run_id: int, message: EqualityMessage | UploadMessage, now: datetime, place: Callable[[ExpectedOutput], str | None],
) -> Answer:
    run = lock_worker_run(run_id, now)
    output = _find_output(run, message)
    if output is None:
        return _pass_over(run_id, message.regression_id, message.output_id)
    if run.status.is_finished:
        return Answer.FAIL
    record_output(run_id, OutputReport(message.regression_id, output.output_id, place(output), output.baseline))
    return Answer.OK


def _find_output(run: WorkerRun, message: EqualityMessage | UploadMessage) -> ExpectedOutput | None:
    test = run.find_test(message.regression_id)
    return None if test is None else test.output(message.output_id)


def _pass_over(run_id: int, regression_id: int, output_id: int | None) -> Answer:
    # The platform's worker would crash on an error, or lose other results, so it is not told.
    log.warning("run %d: a report of regression test %d, output %s, is outside the run's set", run_id, regression_id, output_id)
    return Answer.OK
