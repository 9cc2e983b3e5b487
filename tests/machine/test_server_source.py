"""The claims on the server do what the fake ones do, over a real socket and on either kind of database."""
from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import select

from api.domain.auth.token import token_digest
from api.domain.runs.claimed_run import Ending, RunEnd, RunOutcome, RunProgress, TestResult
from api.domain.runs.machine import machine_token
from api.domain.runs.run import Phase
from api.domain.runs.worker_message import ArtifactKind
from api.installation import SYSTEM_RANDOM
from api.machine.machine_client import TokenRefused
from api.machine.server_source import ServerRunSource
from api.services.runs.leases import give_up_expired_leases
from api.storage.database import database_now, session, transact
from api.storage.results.results import load_reports
from api.storage.runs.machines import remove_machine, rotate_token
from api.storage.runs.progress import list_events
from api.storage.tables.runs import ShardRow
from api.worker.run_error import RunError, TestRunError
from api.worker.run_source import ClaimedRun, ReportRefused, RunClosed, RunSourceUnavailable
from tests.builders import MAIN_REPOSITORY
from tests.clocks import OFF, clock_off
from tests.databases import Database
from tests.machine.server_queue import COMMIT, LEASE, QUICK, SAMPLE, STOPPED, ServerQueue, nothing, served, taken
from tests.worker.run_source_suite import ClaimsSuite


class TestServedClaims(ClaimsSuite):
    """The suite, over SQLite and MariaDB."""

    @pytest.fixture
    def queue(self, database: Database, tmp_path: Path) -> Iterator[ServerQueue]:
        with served(database, tmp_path) as queue:
            yield queue

    @pytest.mark.parametrize("off", OFF, ids=str)
    def test_a_run_stays_with_a_worker_whose_clock_is_wrong_and_is_lost_with_it_no_later(
        self, database: Database, queue: ServerQueue, off: timedelta,
    ) -> None:
        run_id = queue.add()

        with clock_off(database, off), clock_off(queue.database, off):
            claimed = taken(queue)
            early = give_up_expired_leases(database_now(), SYSTEM_RANDOM)
            renewed = queue.run_source.renew(claimed)
            session().rollback()
            left = session().execute(select(ShardRow.deadline)).scalar_one() - database_now()
            queue.lapse(run_id)
            late = give_up_expired_leases(database_now(), SYSTEM_RANDOM)

        assert (early, renewed, late) == (0, True, 1)
        assert LEASE - timedelta(seconds=30) < left <= LEASE


class TestServedWork:
    """What a claim brings with it."""

    @pytest.fixture
    def queue(self, sqlite_database: Database, tmp_path: Path) -> Iterator[ServerQueue]:
        with served(sqlite_database, tmp_path) as queue:
            yield queue

    @pytest.mark.parametrize("lost", [False, True])
    def test_a_run_that_was_given_up_is_queued_anew_only_where_it_had_no_part_in_it(self, queue: ServerQueue, lost: bool) -> None:
        run_id = queue.add()

        queue.run_source.end(taken(queue), RunEnd(RunOutcome.LOST if lost else RunOutcome.GAVE_UP, STOPPED))

        assert queue.ended_with(run_id) == "The worker was stopped."
        assert (queue.run_source.claim() is not None) is lost

    def test_a_run_is_told_with_its_tests(self, queue: ServerQueue) -> None:
        queue.add()

        [test] = queue.run_source.tests(taken(queue), nothing)

        assert (test.sample_sha, test.sample_name) == (sha256(SAMPLE).hexdigest(), f"{sha256(SAMPLE).hexdigest()}.ts")
        # No store has the baseline's file, so that the output is sent however it is.
        assert [file.baseline for file in test.files] == [None]

    def test_a_sample_is_fetched_once_and_kept(self, queue: ServerQueue, tmp_path: Path) -> None:
        queue.add()
        claimed = taken(queue)
        [test] = queue.run_source.tests(claimed, nothing)

        queue.run_source.fetch_sample(claimed, test, tmp_path / "first", nothing)
        (tmp_path / "files" / "TestFiles" / test.sample_name).unlink()
        queue.run_source.fetch_sample(claimed, test, tmp_path / "second", nothing)

        assert [(tmp_path / name).read_bytes() for name in ("first", "second")] == [SAMPLE] * 2

    def test_a_sample_that_is_not_there_or_is_another_is_told(self, queue: ServerQueue, tmp_path: Path) -> None:
        queue.add()
        claimed = taken(queue)
        [test] = queue.run_source.tests(claimed, nothing)
        path = tmp_path / "files" / "TestFiles" / test.sample_name

        path.write_bytes(b"another")
        with pytest.raises(TestRunError, match="is not what its hash says"):
            queue.run_source.fetch_sample(claimed, test, tmp_path / "x", nothing)
        path.unlink()
        with pytest.raises(TestRunError, match="is not in the store"):
            queue.run_source.fetch_sample(claimed, test, tmp_path / "x", nothing)

        assert not (tmp_path / "x").exists()

    def test_a_token_that_is_not_there_for_a_moment_costs_no_test(self, queue: ServerQueue, tmp_path: Path) -> None:
        queue.add()
        claimed = taken(queue)
        [test] = queue.run_source.tests(claimed, nothing)
        token = queue.token_file.read_text()
        queue.token_file.write_text("")
        pauses = []

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            queue.token_file.write_text(token)

        queue.run_source.fetch_sample(claimed, test, tmp_path / "sample", pause)

        assert (len(pauses), (tmp_path / "sample").read_bytes()) == (1, SAMPLE)

    def test_a_sample_of_a_run_that_is_lost_is_not_said_to_be_missing(self, queue: ServerQueue, tmp_path: Path) -> None:
        run_id = queue.add()
        claimed = taken(queue)
        [test] = queue.run_source.tests(claimed, nothing)
        queue.lapse(run_id)
        give_up_expired_leases(database_now(), SYSTEM_RANDOM)

        with pytest.raises(RunClosed):
            queue.run_source.fetch_sample(claimed, test, tmp_path / "x", nothing)

    def test_the_executable_is_the_one_of_now(self, queue: ServerQueue, tmp_path: Path) -> None:
        queue.add()
        claimed, target = taken(queue), tmp_path / "program"

        with pytest.raises(RunError, match="put it at"):
            queue.run_source.fetch_executable(claimed, target, nothing)
        for content in (b"#!/bin/sh\n", b"#!/bin/sh\nexit 3\n"):
            queue.install(content)
            queue.run_source.fetch_executable(claimed, target, nothing)
            assert target.read_bytes() == content

        assert target.stat().st_mode & 0o111

    def test_files_of_a_run_that_another_has_by_now_are_not_told_of(self, queue: ServerQueue, tmp_path: Path) -> None:
        run_id = queue.add()
        taken(queue)
        lost = ClaimedRun(run_id, f"run-{run_id}-2", "linux", MAIN_REPOSITORY, COMMIT)

        with pytest.raises(RunClosed):
            queue.run_source.tests(lost, nothing)
        with pytest.raises(RunClosed):
            queue.run_source.fetch_executable(lost, tmp_path / "x", nothing)

    def test_an_end_that_the_server_did_not_take_is_told_before_the_next_claim(self, queue: ServerQueue) -> None:
        run_id = queue.add()
        claimed = taken(queue)
        token = queue.token_file.read_text()

        queue.token_file.write_text("spcm_wrong")
        with pytest.raises(RunSourceUnavailable):
            queue.run_source.end(claimed, RunEnd(RunOutcome.GAVE_UP, STOPPED))
        queue.token_file.write_text(token)

        assert queue.run_source.claim() is None
        assert queue.ended_with(run_id) == "The worker was stopped."

    def test_what_is_reported_of_a_run_is_what_its_judges_read(self, queue: ServerQueue, tmp_path: Path) -> None:
        run_id = queue.add()
        claimed = taken(queue)
        [test] = queue.run_source.tests(claimed, nothing)
        output = tmp_path / "out"
        output.write_bytes(b"y")
        result = TestResult(test.regression_id, Ending(0, 5))

        queue.run_source.report_progress(claimed, RunProgress(Phase.TESTING, "Executing."))
        queue.run_source.send_output(claimed, test.regression_id, test.files[0].output_id or 0, output)
        queue.run_source.send_test_log(claimed, test.regression_id, output)
        queue.run_source.report_results(claimed, [result])
        queue.run_source.report_results(claimed, [result])
        queue.run_source.send_run_file(claimed, "coredump", output)
        queue.run_source.end(claimed, RunEnd(RunOutcome.COMPLETED))

        session().rollback()
        [reports] = load_reports(run_id).values()
        assert reports.report is not None and reports.report.exit_code == 0
        assert [each.got for each in reports.outputs.values()] == [sha256(b"y").hexdigest()]
        assert (tmp_path / "files" / "TestResults" / f"{sha256(b'y').hexdigest()}.srt").read_bytes() == b"y"
        assert (tmp_path / "files" / "LogFiles" / str(run_id) / f"{test.regression_id}.txt").read_bytes() == b"y"
        assert list_events(run_id)[-1].message == "Executed 1 regression tests."

    def test_what_is_not_the_runs_is_refused(self, queue: ServerQueue) -> None:
        queue.add()

        with pytest.raises(ReportRefused):
            queue.run_source.report_results(taken(queue), [TestResult(9999, Ending(0, 5))])

    def test_a_large_file_is_sent_as_it_is_read_and_as_long_as_it_was_when_it_was_opened(self, queue: ServerQueue, tmp_path: Path) -> None:
        run_id = queue.add()
        claimed, log = taken(queue), tmp_path / "printed"
        log.write_bytes(b"0123456789" * 500_000)

        with log.open("ab") as growing, ThreadPoolExecutor(1) as thread:
            sending = thread.submit(queue.run_source.send_run_file, claimed, ArtifactKind.COMBINED_STDOUT, log)
            while not sending.done():
                growing.write(b"more")
                growing.flush()
            sending.result()

        sent = (tmp_path / "files" / "test_artifacts" / str(run_id) / "combined_stdout.log").read_bytes()
        assert log.read_bytes().startswith(sent) and len(sent) >= 5_000_000

    def test_a_token_that_is_refused_may_be_mended_in_time(self, queue: ServerQueue) -> None:
        queue.add()
        claimed = taken(queue)
        queue.token_file.write_text("spcm_wrong")

        with pytest.raises(RunSourceUnavailable):
            queue.run_source.report_progress(claimed, RunProgress(Phase.TESTING, "Executing."))

    def test_a_new_token_ends_the_old_one_when_it_is_first_used(self, queue: ServerQueue) -> None:
        old, new = queue.token_file.read_text(), machine_token(b"n" * 32)
        transact(partial(rotate_token, "worker", token_digest(new)))

        names = []
        for token in (old, new):
            queue.token_file.write_text(token)
            names.append(queue.client.identify()["name"])

        assert names == ["worker", "worker"]
        queue.token_file.write_text(old)
        with pytest.raises(TokenRefused):
            queue.client.identify()

    def test_a_removed_machine_is_told_nothing(self, queue: ServerQueue) -> None:
        queue.add()
        transact(partial(remove_machine, "worker"))

        with pytest.raises(RunSourceUnavailable):
            queue.run_source.claim()

    def test_a_question_for_work_lasts_until_there_is_some(self, queue: ServerQueue) -> None:
        waiting_source = ServerRunSource(queue.client, queue.cache, threading.Event(), QUICK, wait=30)
        with ThreadPoolExecutor(1) as thread:
            waiting = thread.submit(waiting_source.claim)
            run_id = queue.add()
            queue.wake()
            claimed = waiting.result(30)

        assert claimed is not None and claimed.run_id == run_id

    def test_a_worker_that_stops_does_not_wait_for_an_answer(self, queue: ServerQueue) -> None:
        stop = threading.Event()
        waiting_source = ServerRunSource(queue.client, queue.cache, stop, QUICK, wait=30)

        with ThreadPoolExecutor(1) as thread:
            waiting = thread.submit(waiting_source.claim)
            stop.set()

            assert waiting.result(20) is None
