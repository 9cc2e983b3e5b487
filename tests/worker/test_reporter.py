"""Reports of a run while it is executed: in batches, as soon as they can be sent, and each once."""
from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from api.domain.runs.claimed_run import MAX_RESULT_LOG, MAX_RESULTS, Ending, TestResult
from api.host.growing_file import PIECE
from api.worker.cancellation import Cancellation, CancelReason
from api.worker.patience import Patience, Retries, ServerDiskFull, ServerUnreachable
from api.worker.reporter import Reporter
from api.worker.run_error import RunError
from api.worker.run_source import ClaimedRun, ReportRefused, RunClosed, RunSourceUnavailable
from tests.e2e.processes import eventually
from tests.worker.fake_run_source import FakeRunSource, Report

SECONDS = 30.0
QUICK = Retries(timeout=0.2, first_pause=0.02, max_pause=0.05)
PATIENT = Retries(timeout=SECONDS, first_pause=0.02, max_pause=0.05)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "build.log"
    path.touch()
    return path


@pytest.fixture
def claimed(run_source: FakeRunSource) -> ClaimedRun:
    run_source.add()
    found = run_source.claim()
    assert found is not None
    return found


@pytest.fixture
def cancellation() -> Cancellation:
    return Cancellation(threading.Event())


Make = Callable[..., Reporter]


@pytest.fixture
def make(run_source: FakeRunSource, claimed: ClaimedRun, log: Path, cancellation: Cancellation) -> Iterator[Make]:
    """Makes a reporter, whose thread sends what is new after so many seconds."""
    made: list[Reporter] = []

    def make_one(interval: float = SECONDS, retries: Retries = PATIENT) -> Reporter:
        reporter = Reporter(run_source, claimed, log, Patience(retries, cancellation.pause), cancellation, interval=interval)
        made.append(reporter.__enter__())
        return reporter

    yield make_one
    for each in made:
        each.stop()


def result(number: int) -> TestResult:
    return TestResult(number, Ending(0, 5, (number,)))


def last(cancellation: Cancellation) -> Patience:
    return Patience(QUICK, cancellation.pause)


def test_results_are_sent_after_a_while_and_before_that_once_there_are_many(make: Make, run_source: FakeRunSource) -> None:
    reporter = make()
    for number in range(1, MAX_RESULTS + 1):
        reporter.add(result(number))
    eventually(lambda: len(run_source.results) == MAX_RESULTS, "the results")

    soon = make(interval=0.02)
    soon.add(result(99))
    eventually(lambda: run_source.results[-1] == result(99), "the last result")

    assert run_source.results == [*map(result, range(1, MAX_RESULTS + 1)), result(99)]


def test_the_log_is_sent_when_there_is_more_of_it(make: Make, run_source: FakeRunSource, log: Path) -> None:
    make(interval=0.02)

    for text in ("first\n", "first\nsecond\n"):
        log.write_text(text)
        eventually(lambda text=text: run_source.logs.get("run-1-1") == text.encode(), "the log")  # type: ignore[misc]

    assert run_source.contents("log") == [b"first\n", b"second\n"]


def test_results_and_log_are_sent_as_often_as_the_server_asks_and_the_rest_at_the_end(
    make: Make, run_source: FakeRunSource, cancellation: Cancellation, log: Path,
) -> None:
    run_source.report_seconds = 3600
    reporter = make(interval=0.02)
    reporter.add(result(1))
    log.write_text("a line\n")
    threading.Event().wait(0.1)
    before = run_source.briefs()

    reporter.stop()
    reporter.send_results(last(cancellation))
    reporter.send_log(last(cancellation))

    assert (before, run_source.briefs()) == ([], ["results 1", "log"])


def test_a_long_log_is_sent_in_pieces_from_where_the_server_says(
    make: Make, run_source: FakeRunSource, cancellation: Cancellation, log: Path,
) -> None:
    content = b"0123456789abcdef" * (PIECE // 8)
    log.write_bytes(content)
    reporter = make()
    reporter.stop()
    reporter.send_log(last(cancellation))
    del run_source.logs["run-1-1"][PIECE // 2:]
    with log.open("ab") as growing:
        growing.write(b"more")

    reporter.send_log(last(cancellation))

    assert run_source.logs["run-1-1"] == content + b"more"
    assert max(map(len, run_source.contents("log"))) == PIECE


def test_a_log_that_the_server_refuses_is_sent_no_more(
    make: Make, run_source: FakeRunSource, cancellation: Cancellation, log: Path,
) -> None:
    asked: list[str] = []

    def refuse(report: Report) -> None:
        asked.append(report.brief)
        raise ReportRefused("too large")

    run_source.script = refuse
    log.write_text("a line\n")
    reporter = make()

    for _ in range(2):
        reporter.send_log(last(cancellation))

    assert asked == ["log"]


def test_a_log_tells_the_machine_that_the_run_is_over(
    make: Make, run_source: FakeRunSource, cancellation: Cancellation, log: Path,
) -> None:
    run_source.cancel(1)
    log.write_text("a line\n")
    make(interval=0.02)

    eventually(cancellation, "the cancellation")

    assert cancellation.reason is CancelReason.RUN_CLOSED
    assert run_source.logs["run-1-1"] == b"a line\n"


def test_what_was_not_sent_by_the_end_is_sent_then_in_batches_that_the_server_takes(
    make: Make, run_source: FakeRunSource, cancellation: Cancellation, log: Path,
) -> None:
    reporter = make()
    reporter.stop()
    for number in range(1, 251):
        reporter.add(result(number))
    log.write_text("done\n")

    for _ in range(2):
        reporter.send_results(last(cancellation))
        reporter.send_log(last(cancellation))

    assert run_source.batches == [100, 100, 50]
    assert run_source.results == [result(number) for number in range(1, 251)]
    assert run_source.contents("log") == [b"done\n"]


def test_nothing_is_lost_while_the_server_is_away_and_tests_go_on(make: Make, run_source: FakeRunSource) -> None:
    run_source.available = False
    reporter = make(interval=0.02)
    for number in range(1, 6):
        reporter.add(result(number))
    threading.Event().wait(0.1)

    run_source.available = True
    eventually(lambda: len(run_source.results) == 5, "the results")

    assert run_source.results == [result(number) for number in range(1, 6)]


def test_a_batch_whose_answer_was_lost_is_sent_again(make: Make, run_source: FakeRunSource, cancellation: Cancellation) -> None:
    reporter, lost = make(), [RunSourceUnavailable()]
    taken: list[str] = []

    def lose(report: Report) -> None:
        taken.append(report.brief)
        if lost:
            raise lost.pop()

    run_source.script = lose
    reporter.stop()
    reporter.add(result(1))

    reporter.send_results(last(cancellation))

    assert taken == ["results 1", "results 1"]


def test_a_run_that_is_closed_is_cancelled(make: Make, run_source: FakeRunSource, cancellation: Cancellation) -> None:
    reporter = make(interval=0.02)
    run_source.cancel(1)

    reporter.add(result(1))
    eventually(cancellation, "the cancellation")

    assert cancellation.reason is CancelReason.RUN_CLOSED


@pytest.mark.parametrize(("failure", "raised"), [
    (RunSourceUnavailable("away"), ServerUnreachable), (RunSourceUnavailable("full", is_full=True), ServerDiskFull),
    (ReportRefused("why"), RunError), (OSError(5, "input or output failed"), OSError)])
def test_what_keeps_reports_from_being_sent_is_raised_by_the_next_one(
    make: Make, run_source: FakeRunSource, failure: Exception, raised: type[Exception],
) -> None:
    def fail(report: Report) -> None:
        raise failure

    run_source.script = fail
    reporter = make(interval=0.02, retries=QUICK)
    reporter.add(result(1))

    reporter._thread.join(SECONDS)

    with pytest.raises(raised):
        reporter.add(result(2))


def test_the_thread_ends_at_once_however_long_it_would_wait_for_the_server(make: Make, run_source: FakeRunSource) -> None:
    asked = threading.Event()

    def be_away(report: Report) -> None:
        asked.set()
        raise RunSourceUnavailable(retry_after=SECONDS)

    run_source.script = be_away
    reporter = make(interval=0.02)
    reporter.add(result(1))
    assert asked.wait(SECONDS)

    reporter.stop()

    assert not reporter._thread.is_alive()


@pytest.mark.parametrize(("refused", "taken"), [(False, True), (True, False)])
def test_a_file_that_is_refused_is_not_sent_again(
    make: Make, run_source: FakeRunSource, cancellation: Cancellation, log: Path, refused: bool, taken: bool,
) -> None:
    asked: list[str] = []

    def refuse(report: Report) -> None:
        asked.append(report.brief)
        if refused:
            raise ReportRefused("too large")

    run_source.script = refuse
    reporter = make()

    answers = [reporter.send_output(1, 2, log), reporter.send_file("binary", log, last(cancellation))]

    assert answers == [taken] * 2
    assert asked == ["output 1 2", "file binary"]


@pytest.mark.parametrize("refused", [False, True])
def test_a_long_log_of_a_test_is_sent_before_its_result(make: Make, run_source: FakeRunSource, log: Path, refused: bool) -> None:
    asked: list[str] = []

    def refuse(report: Report) -> None:
        asked.append(report.brief)
        if refused and report.brief.startswith("test_log"):
            raise ReportRefused("too large")

    run_source.script = refuse
    reporter = make(interval=0.02)
    log.write_bytes(b"x" * MAX_RESULT_LOG)
    reporter.add(result(1), log)
    eventually(lambda: len(run_source.results) == 1, "the results")
    log.write_bytes(b"x" * (MAX_RESULT_LOG + 1))
    reporter.add(result(2), log)
    eventually(lambda: len(run_source.results) == 2, "the results")

    assert [each for each in asked if each != "log"] == ["results 1", "test_log 2", "results 2"]
    assert run_source.results == [replace(result(1), log=b"x" * MAX_RESULT_LOG), result(2)]


def test_a_log_is_sent_by_itself_while_many_results_wait(make: Make, run_source: FakeRunSource, log: Path) -> None:
    log.write_bytes(b"said")
    away = threading.Event()

    def lose(report: Report) -> None:
        if report.brief.startswith("results"):
            assert away.wait(SECONDS)

    run_source.script = lose
    reporter = make()
    for number in range(1, MAX_RESULTS + 2):
        reporter.add(result(number), log)
    away.set()
    eventually(lambda: run_source.contents(f"test_log {MAX_RESULTS + 1}") == [b"said"], "the test's log")


def test_a_file_of_a_closed_run_is_told(make: Make, run_source: FakeRunSource, log: Path) -> None:
    run_source.cancel(1)

    with pytest.raises(RunClosed):
        make().send_output(1, 2, log)
