"""Runs that a worker cannot execute, or not to their end: given up, and said why."""
from __future__ import annotations

from dataclasses import replace

import pytest

from api.domain.runs.claimed_run import ReportedError, RunEnd, RunOutcome, TestResult
from api.domain.runs.infrastructure_code import InfrastructureCode
from api.domain.runs.worker_suite import UnusableTest
from api.worker import reporter
from api.worker.options import WorkerOptions
from api.worker.run_source import ReportRefused, RunClosed, RunSourceUnavailable
from tests.worker.fake_run_source import FakeRunSource, Report
from tests.worker.inputs import Store, a_test
from tests.worker.working import a_captioned_test, await_hanging, queue, run, working

pytestmark = pytest.mark.usefixtures("nothing_is_left_behind")


def gave_up(why: str, code: InfrastructureCode) -> RunEnd:
    return RunEnd(RunOutcome.GAVE_UP, ReportedError.of(code, why))


def error_of(run_source: FakeRunSource) -> ReportedError:
    """The error of the one run that was given up."""
    assert run_source.end_of_one.error is not None
    return run_source.end_of_one.error


@pytest.mark.usefixtures("extractor")
def test_without_trust_nothing_is_executed_and_the_run_is_given_up(store: Store, run_source: FakeRunSource, options: WorkerOptions) -> None:
    queue(run_source, a_captioned_test(store))

    run(replace(options, trusted=False), run_source)

    assert run_source.briefs() == ["progress preparation", "log", "end gave_up"]
    assert error_of(run_source).message.startswith("This worker has no sandbox")


def test_a_run_without_an_executable_is_given_up_with_the_reason(store: Store, run_source: FakeRunSource, options: WorkerOptions) -> None:
    queue(run_source, a_captioned_test(store))

    run(options, run_source)

    assert run_source.end_of_one == gave_up("No executable.", InfrastructureCode.EXECUTABLE_MISSING)


@pytest.mark.usefixtures("extractor")
def test_a_test_that_a_worker_may_not_act_on_keeps_no_other_from_being_executed(
    store: Store, run_source: FakeRunSource, options: WorkerOptions,
) -> None:
    why = "Regression test 1 cannot be used: an unknown type."
    run_source.add(tests=[UnusableTest(1, why), a_captioned_test(store, 2)])

    run(options, run_source)

    assert run_source.endings() == [(2, 0)]
    assert run_source.results[0] == TestResult(1, ReportedError.of(InfrastructureCode.SUITE_INVALID, why))
    assert run_source.end_of_one == RunEnd(RunOutcome.COMPLETED)


@pytest.mark.usefixtures("extractor")
def test_a_test_that_cannot_be_executed_here_is_left_out_and_said(store: Store, run_source: FakeRunSource, options: WorkerOptions) -> None:
    queue(run_source, a_test(1), a_captioned_test(store, 2), a_captioned_test(store, 3, "an open ' quotation"))

    run(options, run_source)

    assert run_source.endings() == [(2, 0)]
    errors = {each.regression_id: each.outcome for each in run_source.results if isinstance(each.outcome, ReportedError)}
    assert errors[1] == ReportedError.of(InfrastructureCode.SAMPLE_MISSING, "The sample of regression test 1 is not in the store.")
    assert errors[3].message.startswith("Regression test 3 cannot be executed")
    assert run_source.end_of_one == RunEnd(RunOutcome.COMPLETED)


@pytest.mark.usefixtures("extractor")
def test_a_run_that_is_closed_in_the_middle_is_left_at_once_with_its_files(
    store: Store, run_source: FakeRunSource, options: WorkerOptions,
) -> None:
    run_id = queue(run_source, a_captioned_test(store, 1, baseline=b"other"), a_captioned_test(store, 2))

    def close(report: Report) -> None:
        if report.kind == "output":
            run_source.cancel(run_id)

    run_source.script = close

    run(options, run_source)

    assert run_source.briefs() == [
        "progress preparation", "progress testing", "file binary", "log", "end gave_up"]
    assert (run_source.results, run_source.ended_with(run_id)) == ([], "Canceled by a person.")


@pytest.mark.usefixtures("extractor")
def test_a_claim_that_is_lost_in_the_middle_is_left_as_it_is(store: Store, run_source: FakeRunSource, options: WorkerOptions) -> None:
    queue(run_source, a_captioned_test(store, 1, baseline=b"other"), a_captioned_test(store, 2))

    def lose(report: Report) -> None:
        if report.kind in ("output", "file"):
            raise RunClosed

    run_source.script = lose

    run(options, run_source)

    assert run_source.briefs() == ["progress preparation", "progress testing"]
    assert run_source.ends == []


@pytest.mark.usefixtures("extractor")
def test_a_cancel_in_the_middle_of_a_test_ends_its_program(store: Store, run_source: FakeRunSource, options: WorkerOptions) -> None:
    run_id = queue(run_source, a_captioned_test(store, 1, "--hang"))

    with working(options, run_source):
        await_hanging(store)
        run_source.cancel(run_id)
        run_source.await_end()

    assert run_source.results == []
    assert run_source.ended_with(run_id) == "Canceled by a person."


@pytest.mark.usefixtures("extractor")
def test_reports_that_find_the_run_closed_end_the_program_of_the_next_test(
    store: Store, run_source: FakeRunSource, options: WorkerOptions, monkeypatch: pytest.MonkeyPatch,
) -> None:
    queue(run_source, a_captioned_test(store, 1), a_captioned_test(store, 2, "--hang"))
    monkeypatch.setattr(reporter, "MAX_RESULTS", 1)

    def close(report: Report) -> None:
        if report.kind == "results":
            raise RunClosed

    run_source.script = close

    with working(options, run_source):
        run_source.await_end()

    assert run_source.end_of_one == gave_up("Stopped: the run is over or belongs to another worker.", InfrastructureCode.RUN_CLOSED)


@pytest.mark.usefixtures("extractor")
def test_a_worker_that_is_stopped_gives_its_run_up_visibly(store: Store, run_source: FakeRunSource, options: WorkerOptions) -> None:
    queue(run_source, a_captioned_test(store, 1), a_captioned_test(store, 2, "--hang"))

    with working(options, run_source) as stop:
        await_hanging(store)
        stop.set()
        run_source.await_end()

    assert run_source.endings() == [(1, 0)]
    assert run_source.end_of_one == gave_up("The worker was stopped.", InfrastructureCode.WORKER_STOPPED)


@pytest.mark.usefixtures("extractor")
def test_a_run_that_takes_too_long_is_ended_and_says_so(store: Store, run_source: FakeRunSource, options: WorkerOptions) -> None:
    queue(run_source, a_captioned_test(store, 1, "--hang"))

    run(replace(options, run_seconds=1.5), run_source)

    assert run_source.results == []
    assert run_source.end_of_one == gave_up("The run was ended at the time limit of 1.5 seconds.", InfrastructureCode.RUN_TIME_LIMIT)


@pytest.mark.usefixtures("extractor")
def test_a_worker_that_is_stopped_while_the_server_is_away_leaves_the_reason_with_the_claim(
    store: Store, run_source: FakeRunSource, options: WorkerOptions,
) -> None:
    queue(run_source, a_captioned_test(store, 1, "--hang"))

    def be_away(report: Report) -> None:
        if report.kind == "file":
            raise RunSourceUnavailable

    with working(options, run_source) as stop:
        await_hanging(store)
        run_source.script = be_away
        stop.set()
        run_source.await_end()

    assert run_source.end_of_one == gave_up("The worker was stopped.", InfrastructureCode.WORKER_STOPPED)


@pytest.mark.usefixtures("extractor")
def test_what_the_server_refuses_is_told_in_the_log_or_ends_the_run(
    store: Store, run_source: FakeRunSource, options: WorkerOptions,
) -> None:
    queue(run_source, a_captioned_test(store, 1, baseline=b"other"))

    def refuse(report: Report) -> None:
        if report.kind in ("output", "results"):
            raise ReportRefused("too large")

    run_source.script = refuse

    run(options, run_source)

    assert run_source.end_of_one == gave_up("The server refused results: too large", InfrastructureCode.RESULTS_REFUSED)
    assert run_source.results == []
    assert "Regression test 1: output 11 was refused by the server." in run_source.log()
