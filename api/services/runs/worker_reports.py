"""Stores the messages of workers: each in one transaction, idempotent, and only for tests of the run."""
from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from api.domain.runs.claimed_run import BuildReport
from api.domain.runs.expected_tests import ExpectedOutput
from api.domain.runs.infrastructure import origin_of_report
from api.domain.runs.progress import Advance
from api.domain.runs.worker_message import Answer, EqualityMessage, FinishMessage, ProgressMessage, UploadMessage
from api.services.runs.run_reports import keep_end, keep_output, move_on
from api.services.runs.worker_access import lock_worker_run

log = logging.getLogger(__name__)

Place = Callable[[ExpectedOutput], str]


def store_progress(run_id: int, message: ProgressMessage, *, now: datetime, main_repository: str) -> Answer:
    """Within a transaction: move a run on. FAIL for a phase that lies behind it, or after its end."""
    lock_worker_run(run_id, now)
    origin = origin_of_report(message.phase, message.message)
    outcome = move_on(run_id, message.phase, message.message, BuildReport(), origin, now=now, main_repository=main_repository)
    return Answer.FAIL if outcome is Advance.REFUSED else Answer.OK


def store_finish(run_id: int, message: FinishMessage, *, now: datetime) -> Answer:
    """Within a transaction: store the end of a regression test."""
    run = lock_worker_run(run_id, now)
    test = run.load_expected().by_id.get(message.regression_id)
    if test is None:
        return _pass_over(run_id, message.regression_id, None)
    if run.status.is_finished:
        return Answer.FAIL
    keep_end(run_id, test, message.exit_code, message.runtime_ms, now)
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
    test = run.load_expected().by_id.get(message.regression_id)
    output = None if test is None else test.output(message.output_id)
    if test is None or output is None:
        return _pass_over(run_id, message.regression_id, message.output_id)
    if run.status.is_finished:
        return Answer.FAIL
    keep_output(run_id, test, output, place(output))
    return Answer.OK


def _pass_over(run_id: int, regression_id: int, output_id: int | None) -> Answer:
    # The platform's worker would crash on an error, or lose other results, so it is not told.
    log.warning("run %d: a report of regression test %d, output %s, is outside the run's set", run_id, regression_id, output_id)
    return Answer.OK
