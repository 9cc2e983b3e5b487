"""The claims on the server do what the fake ones do, over a real socket and on either kind of database."""
from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select, update

from api.app import Application
from api.domain.auth.token import token_digest
from api.domain.runs.claimed_run import Ending, ReportedError, RunEnd, RunOutcome, RunProgress, TestResult
from api.domain.runs.infrastructure_code import InfrastructureCode
from api.domain.runs.machine import Machine, WorkKind, machine_token
from api.domain.runs.run import Phase, Platform
from api.domain.runs.worker_message import ArtifactKind
from api.installation import SYSTEM_RANDOM, utc_now
from api.jobs.wakeup.wakeup import local_wakeup
from api.machine.file_cache import FileCache
from api.machine.machine_client import MachineClient, ServerUnavailable, TokenRefused, require
from api.machine.server_source import ServerRunSource
from api.server import make_server
from api.services.results.verdicts import derive_state
from api.services.runs.leases import give_up_expired_leases
from api.storage.database import change, database_now, session, transact, transaction
from api.storage.results.results import load_reports
from api.storage.runs.machines import add_machine, remove_machine, rotate_token
from api.storage.runs.progress import list_events, record_event
from api.storage.tables import ShardRow
from api.worker.patience import Retries
from api.worker.run_error import RunError, TestRunError
from api.worker.run_source import ClaimedRun, ReportRefused, RunClosed, RunSourceUnavailable
from tests.builders import MAIN_REPOSITORY, Output, add_regression_test, add_run, add_sample
from tests.clocks import OFF, clock_off
from tests.databases import Database
from tests.handlers.site import settings_for
from tests.specfirst.transport.sockets import listening
from tests.worker.run_source_suite import ClaimsSuite

LEASE = timedelta(minutes=1)
SAMPLE = b"a sample"
COMMIT = "c" * 40
STOPPED = ReportedError.of(InfrastructureCode.WORKER_STOPPED, "The worker was stopped.")
QUICK = Retries(timeout=0.3, first_pause=0.05, max_pause=0.1)


def nothing(_: float) -> None:
    """Wait for nothing: the server of these tests is there."""


@dataclass
class ServerQueue:
    """The server's side of the claims: runs come in, lapse and end; and a machine that claims them."""

    run_source: ServerRunSource
    client: MachineClient
    cache: FileCache
    database: Database
    folder: Path
    http: httpx.Client
    url: str

    @property
    def token_file(self) -> Path:
        """The file with the machine's token."""
        return self.folder / "worker.token"

    def another(self) -> ServerRunSource:
        """The run source of another machine."""
        client = MachineClient(self.http, self.url, enrol(f"worker-{uuid4()}", self.folder))
        return ServerRunSource(client, self.cache, threading.Event(), QUICK, wait=0)

    def wake(self) -> None:
        """Say that something was queued, as whoever queues it does."""
        local_wakeup(self.folder / "work").wake()

    def add(self, platform: str = "linux") -> int:
        """Queue a run; return its id."""
        return add_run(platform=platform, commit=COMMIT, repository=MAIN_REPOSITORY)

    def cancel(self, run_id: int) -> None:
        """End a run as a person would."""
        with transaction():
            record_event(run_id, Phase.CANCELED, "Canceled by a person.", at=utc_now(), origin=None)
            derive_state(run_id)

    def lapse(self, run_id: int) -> None:
        """Let a claim's lease end."""
        with transaction():
            change(update(ShardRow).where(ShardRow.run_id == run_id).values(deadline=database_now() - LEASE))

    def ended_with(self, run_id: int) -> str | None:
        """The message of the run's cancellation."""
        session().rollback()
        return next((event.message for event in list_events(run_id) if event.phase is Phase.CANCELED), None)

    def install(self, content: bytes) -> Path:
        """Put an executable into the server's folder."""
        place = self.folder / "executables" / MAIN_REPOSITORY / "linux" / COMMIT / "ccextractor"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        place.chmod(0o755)
        return place


def enrol(name: str, folder: Path) -> Path:
    """Add a machine of this name; return the file with its token."""
    token, file = machine_token(sha256(name.encode()).digest()), folder / f"{name}.token"
    transact(partial(add_machine, Machine(name, (WorkKind.RUN,), Platform.LINUX, utc_now()), token_digest(token)))
    file.write_text(f"{token}\n")
    return file


@contextmanager
def working(server: Application, folder: Path, url: str) -> Iterator[ServerQueue]:
    """A machine of a server, named `worker`."""
    with httpx.Client(trust_env=False) as http:
        client = MachineClient(http, url, enrol("worker", folder))
        cache = FileCache(folder / "cache", 1 << 20)
        made = ServerRunSource(client, cache, threading.Event(), QUICK, wait=0)
        yield ServerQueue(made, client, cache, Database(server.flask, ""), folder, http, url)


def taken(queue: ServerQueue) -> ClaimedRun:
    """A run that the machine claims, which must be there."""
    claimed = queue.run_source.claim()
    assert claimed is not None
    return claimed


@contextmanager
def served(database: Database, folder: Path) -> Iterator[ServerQueue]:
    """A server on a database with one regression test, and a machine of it."""
    add_regression_test(
        sample_id=add_sample(sha=sha256(SAMPLE).hexdigest(), extension="ts"), outputs=[Output(baseline=sha256(b"x").hexdigest())])
    settings = settings_for(folder, folder / "none", database_url=database.url, executables=folder / "executables", lease_duration=60)
    server = make_server(settings)
    path = settings.storage_root / "TestFiles" / f"{sha256(SAMPLE).hexdigest()}.ts"
    path.write_bytes(SAMPLE)
    with listening(server) as port, working(server, folder, f"http://127.0.0.1:{port}") as queue:
        yield queue


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

    @pytest.mark.parametrize(("body", "headers", "asked", "is_full"), [
        ({"details": {"reason": "store_full"}}, {"Retry-After": "60"}, 60, True), ({"details": {}}, {"Retry-After": "5"}, 5, False),
        ({}, {"Retry-After": "Sun, 29 Nov 2026 10:00:20 GMT", "Date": "Sun, 29 Nov 2026 10:00:00 GMT"}, 20, False),
        ([], {"Retry-After": "Sun, 29 Nov 2026 09:00:00 GMT", "Date": "Sun, 29 Nov 2026 10:00:00 GMT"}, 0, False),
        ("text", {}, None, False), ({"details": None}, {"Retry-After": "soon"}, None, False), ({}, {"Retry-After": "-5"}, None, False),
        ({}, {"Retry-After": "Fri, 31 Dec 99999 23:59:59 GMT"}, None, False)])
    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
    def test_a_server_that_cannot_take_a_report_now_says_when_and_why(
        self, tmp_path: Path, status: int, body: object, headers: dict[str, str], asked: float | None, is_full: bool,
    ) -> None:
        (tmp_path / "token").write_text("spcm_some")
        transport = httpx.MockTransport(lambda _: httpx.Response(status, json=body, headers=headers))
        with httpx.Client(transport=transport) as http:
            run_source = ServerRunSource(
                MachineClient(http, "http://server", tmp_path / "token"), FileCache(tmp_path, 1), threading.Event(), QUICK)

            with pytest.raises(RunSourceUnavailable) as away:
                run_source.report_results(ClaimedRun(1, "run-1-1", "linux", MAIN_REPOSITORY, COMMIT), [])

        assert (away.value.retry_after, away.value.is_full) == (asked, is_full)

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

    @pytest.mark.parametrize("content", [b"", b"spci_a", b"spcm_a\nspcm_b", b"\xff\xfe", b"spcm_" + b"a" * 1000])
    def test_a_file_that_holds_no_token_is_told_without_asking_anybody(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "token").write_bytes(content)
        with httpx.Client(trust_env=False) as http:
            nobody = MachineClient(http, "http://127.0.0.1:9", tmp_path / "token")

            with pytest.raises(TokenRefused, match="holds no machine's token"):
                nobody.identify()

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

    def test_a_renewal_that_gets_no_answer_ends_in_time_for_another(self, tmp_path: Path) -> None:
        (tmp_path / "token").write_text("spcm_some")
        with socket.create_server(("127.0.0.1", 0)) as silent, httpx.Client(trust_env=False, timeout=None) as http:
            client = MachineClient(http, f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path / "token")
            run_source = ServerRunSource(client, FileCache(tmp_path, 1), threading.Event(), QUICK, renew_timeout=0.1)

            with pytest.raises(RunSourceUnavailable, match="timed out"):
                run_source.renew(ClaimedRun(1, "run-1-1", "linux", MAIN_REPOSITORY, COMMIT))

    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
    def test_what_a_network_or_a_busy_server_answers_may_be_asked_again(self, status: int) -> None:
        with pytest.raises(ServerUnavailable):
            require(httpx.Response(status))

    def test_a_server_that_is_away_is_told_from_an_empty_queue(self, tmp_path: Path) -> None:
        (tmp_path / "token").write_text(machine_token(b"t" * 32))
        with httpx.Client(trust_env=False) as http:
            away = MachineClient(http, "http://127.0.0.1:9", tmp_path / "token")
            run_source = ServerRunSource(away, FileCache(tmp_path, 1), threading.Event(), QUICK)

            with pytest.raises(RunSourceUnavailable):
                run_source.claim()
