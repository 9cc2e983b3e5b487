"""Whole runs by the worker, with real programs and a real server, from the claim to the end."""
from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from api.domain.runs.worker_suite import SuiteFile, SuiteTest
from api.worker.command import SandboxPaths
from api.worker.options import WorkerOptions
from api.worker.process import Limits
from api.worker.reporter import Retries
from api.worker.run_source import ClaimedRun
from api.worker.worker import work
from tests.worker.conftest import REPOSITORY, TOKEN, MakeProgram, Store, a_test
from tests.worker.fake_run_source import FakeRunSource
from tests.worker.stand_in import Post, Reply, StandIn

EXTRACTOR = """
arguments = sys.argv[1:]
output = arguments[arguments.index('-o') + 1] if '-o' in arguments else None
source = sys.stdin.buffer if '-' in arguments else open(arguments[-1], 'rb')
text = source.read().upper()
print('extracting', flush=True)
if '--crash' in arguments:
    os.kill(os.getpid(), signal.SIGSEGV)
if '--hang' in arguments:
    open(os.path.join(os.environ['HOME'], 'hanging'), 'w').close()
    time.sleep(600)
if '--multi' in arguments:
    stem, extension = os.path.splitext(output)
    open(stem + '_2' + extension, 'wb').write(text[::-1])
if output and '--nothing' not in arguments:
    open(output, 'wb').write(text)
if '--stdout' in arguments:
    sys.stdout.buffer.write(text)
sys.exit(3 if '--three' in arguments else 0)
"""


@pytest.fixture
def options(server: StandIn, store: Store) -> WorkerOptions:
    return WorkerOptions(
        name="tester", platform="linux", server=server.url, folders=store.folders, main_repository=REPOSITORY, trusted=True,
        limits=Limits(seconds=60), retries=Retries(timeout=30, first_pause=0.02, max_pause=0.1), poll_seconds=0.02, renew_seconds=0.02,
        stop_timeout=1)


@pytest.fixture
def run_source() -> FakeRunSource:
    return FakeRunSource()


@pytest.fixture
def extractor(store: Store, make_program: MakeProgram) -> None:
    store.executable(make_program(EXTRACTOR))


@pytest.fixture(autouse=True)
def nothing_is_left_behind(store: Store) -> Iterator[None]:
    yield
    assert list(store.folders.temporary.iterdir()) == []


def queue(store: Store, run_source: FakeRunSource, *tests: SuiteTest) -> int:
    run_id = run_source.add()
    store.suite(run_id, tests)
    return run_id


def run(options: WorkerOptions, run_source: FakeRunSource) -> int:
    return work(options, run_source, stop=threading.Event(), until_idle=True)


@contextmanager
def working(options: WorkerOptions, run_source: FakeRunSource) -> Iterator[threading.Event]:
    """A worker in a thread; it has ended when this is left."""
    stop = threading.Event()
    thread = threading.Thread(target=work, args=(options, run_source), kwargs={"stop": stop})
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive()


def a_captioned_test(store: Store, regression_id: int = 1, command: str = "--out=srt", baseline: bytes = b"CAPTIONS") -> SuiteTest:
    sample = store.sample(b"captions")
    return a_test(regression_id, command=command, input_file=sample, files=(SuiteFile(11, store.baseline(baseline), "out.srt"),))


@pytest.mark.usefixtures("extractor")
def test_a_good_run_is_reported_in_the_order_of_the_protocol(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    queue(store, run_source, a_captioned_test(store, 1), a_captioned_test(store, 2, "--three", b"other"))

    assert run(options, run_source) == 1

    assert server.briefs() == [
        "progress preparation", "progress testing",
        "equality 1 11", "finish 1 0", "logupload 1",
        "upload 2 11", "finish 2 3", "logupload 2",
        "artifactupload binary", "artifactupload combined_stdout", "logupload", "progress completed"]
    assert server.of("upload")[0].file == b"CAPTIONS"
    assert server.of("progress")[-1].fields["message"] == "Executed 2 regression tests."
    assert run_source.released == [(1, None)]


@pytest.mark.usefixtures("extractor")
def test_each_test_has_its_log_and_the_run_has_the_workers(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    queue(store, run_source, a_captioned_test(store))

    run(options, run_source)

    own, whole = server.of("logupload")
    assert own.file == b"extracting\n"
    assert whole.file is not None
    lines = whole.file.decode().splitlines()
    assert all(line.startswith("[20") and "Z] [INFO] [worker] " in line for line in lines)
    assert "Regression test 1: exit code 0 after " in whole.file.decode()


@pytest.mark.usefixtures("extractor")
def test_inputs_and_outputs_of_all_kinds_are_served(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    sample, good, reversed_ = store.sample(b"captions"), store.baseline(b"CAPTIONS"), store.baseline(b"SNOITPAC")
    log_and_text = store.baseline(b"extracting\nCAPTIONS")
    queue(
        store, run_source,
        a_test(1, command="-", input_type="stdin", input_file=sample, files=(SuiteFile(11, good, "out.srt"),)),
        a_test(2, command="--stdout", output_type="stdout", input_file=sample, files=(SuiteFile(12, log_and_text, "out.srt"),)),
        a_test(3, command="--multi", output_type="multiprogram", input_file=sample,
               files=(SuiteFile(13, good, "out.srt"), SuiteFile(14, reversed_, "out_2.srt"))),
        a_test(4, output_type="null", input_file=sample, files=()))

    run(options, run_source)

    assert [brief for brief in server.briefs() if brief.startswith(("equality", "upload", "finish"))] == [
        "equality 1 11", "finish 1 0", "equality 2 12", "finish 2 0", "equality 3 13", "equality 3 14", "finish 3 0", "finish 4 0"]


def test_empty_files_are_reported_and_sent_like_others(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions, make_program: MakeProgram,
) -> None:
    store.executable(make_program("if '-o' in sys.argv: open(sys.argv[sys.argv.index('-o') + 1], 'wb').close()"))
    sample, empty, other = store.sample(b"captions"), store.baseline(b""), store.baseline(b"CAPTIONS")
    queue(
        store, run_source,
        a_test(1, input_file=sample, files=(SuiteFile(11, empty, "out.srt"),)),
        a_test(2, input_file=sample, files=(SuiteFile(12, other, "out.srt"),)),
        a_test(3, output_type="stdout", input_file=sample, files=(SuiteFile(13, other, "out.srt"),)),
        a_test(4, input_file=sample, files=(SuiteFile(14, "", "out.srt"),)))

    run(options, run_source)

    assert [brief for brief in server.briefs() if brief.startswith(("equality", "upload", "finish", "logupload "))] == [
        "equality 1 11", "finish 1 0", "logupload 1", "upload 2 12", "finish 2 0", "logupload 2",
        "upload 3 13", "finish 3 0", "logupload 3", "upload 4 14", "finish 4 0", "logupload 4"]
    assert [post.file for post in [*server.of("upload"), *server.of("logupload")[:4]]] == [b""] * 7


def test_a_report_is_read_from_the_standard_output(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions, make_program: MakeProgram, tmp_path: Path,
) -> None:
    store.executable(make_program("print('File:', sys.argv[-1])\nsys.exit('-o' in sys.argv)\n"))
    sample = store.sample(b"captions")
    (tmp_path / "TestFiles").symlink_to(store.folders.samples)
    store.suite(run_source.add(reports=frozenset({1})), [a_test(1, command="-out=report", input_file=sample, files=(
        SuiteFile(11, store.baseline(f"File: {tmp_path}/TestFiles/{sample}\n".encode()), "out.txt"),))])

    run(replace(options, places=SandboxPaths(f"{tmp_path}/TestFiles", "/repository/TempFiles")), run_source)

    assert [post.brief() for post in server.posts if post.kind in ("equality", "upload", "finish")] == ["equality 1 11", "finish 1 0"]


@pytest.mark.usefixtures("extractor")
def test_a_missing_output_is_not_mentioned_and_a_crash_is_reported_as_its_signal(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    queue(store, run_source, a_captioned_test(store, 1, "--nothing"), a_captioned_test(store, 2, "--crash"))

    run(options, run_source)

    results = [brief for brief in server.briefs() if brief.startswith(("equality", "upload", "finish"))]
    assert results == ["finish 1 0", "finish 2 -11"]


@pytest.mark.usefixtures("extractor")
def test_the_time_limit_ends_a_test_and_the_run_goes_on(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    queue(store, run_source, a_captioned_test(store, 1, "--hang"), a_captioned_test(store, 2))

    run(replace(options, limits=Limits(seconds=1)), run_source)

    assert [post.fields.get("exitCode") for post in server.of("finish")] == ["124", "0"]
    assert server.of("finish")[0].fields["runTime"] == "1000"


@pytest.mark.usefixtures("extractor")
def test_without_trust_nothing_is_executed_and_the_run_is_given_up(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    queue(store, run_source, a_captioned_test(store))

    run(replace(options, trusted=False), run_source)

    assert server.briefs() == ["progress preparation", "logupload", "progress canceled"]
    assert server.of("progress")[-1].fields["message"].startswith("[worker] This worker has no sandbox")


def test_a_run_without_an_executable_is_given_up_with_the_place_where_it_belongs(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    queue(store, run_source, a_captioned_test(store))

    run(options, run_source)

    message = server.of("progress")[-1].fields["message"]
    assert message.startswith("[build] No executable of CCExtractor/ccextractor at 0123456789ab for linux: put it at ")
    assert str(store.folders.executables) not in message


@pytest.mark.usefixtures("extractor")
def test_a_run_without_a_suite_is_given_up(run_source: FakeRunSource, server: StandIn, options: WorkerOptions) -> None:
    run_source.add()

    run(options, run_source)

    assert server.briefs()[-1] == "progress canceled"
    assert server.of("progress")[-1].fields["message"].startswith("[storage] The run's suite cannot be used")


@pytest.mark.usefixtures("extractor")
def test_a_test_that_cannot_be_executed_here_is_left_out_and_said(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    queue(store, run_source, a_test(1, input_file="absent.ts"), a_captioned_test(store, 2))

    run(options, run_source)

    assert [post.fields["test_id"] for post in server.of("finish")] == ["2"]
    assert server.of("progress")[-1].fields == {
        "type": "progress", "status": "completed",
        "message": "Executed 1 of 2 regression tests. [storage] The sample of regression test 1 is not in the store."}


@pytest.mark.usefixtures("extractor")
def test_a_run_of_which_nothing_can_be_executed_is_given_up(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    queue(store, run_source, a_captioned_test(store, 1, "an open ' quotation"))

    run(options, run_source)

    assert server.briefs()[-1] == "progress canceled"
    assert server.of("progress")[-1].fields["message"].startswith("[worker] Regression test 1 cannot be executed")


@pytest.mark.usefixtures("extractor")
@pytest.mark.parametrize("reply", [(403, "FAIL", {}), (200, "FAIL", {})])
def test_a_run_that_dies_in_the_middle_is_left_at_once(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions, reply: Reply,
) -> None:
    queue(store, run_source, a_captioned_test(store, 1), a_captioned_test(store, 2))
    server.script = lambda post: reply if post.kind == "finish" else None

    run(options, run_source)

    assert "equality 2 11" not in server.briefs()
    assert [post.fields["status"] for post in server.of("progress")] == ["preparation", "testing"]
    assert server.briefs()[-1] == "logupload"


@pytest.mark.usefixtures("extractor")
def test_a_cancel_in_the_middle_of_a_test_ends_its_program(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    run_id = queue(store, run_source, a_captioned_test(store, 1, "--hang"))

    with working(options, run_source):
        await_hanging(store)
        run_source.cancel(run_id)
        run_source.await_release()

    assert server.of("finish") == []
    assert [post.fields["status"] for post in server.of("progress")] == ["preparation", "testing"]


@pytest.mark.usefixtures("extractor")
def test_a_worker_that_is_stopped_gives_its_run_up_visibly(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    queue(store, run_source, a_captioned_test(store, 1, "--hang"))

    with working(options, run_source) as stop:
        await_hanging(store)
        stop.set()
        run_source.await_release()

    assert server.of("finish") == []
    assert server.of("progress")[-1].fields == {
        "type": "progress", "status": "canceled", "message": "[worker] The worker was stopped."}
    assert run_source.lost == set()


@pytest.mark.usefixtures("extractor")
def test_a_worker_that_is_stopped_while_the_server_is_away_leaves_the_reason_with_the_claim(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    queue(store, run_source, a_captioned_test(store, 1, "--hang"))

    with working(options, run_source) as stop:
        await_hanging(store)
        server.stop()
        stop.set()
        run_source.await_release()

    assert run_source.released == [(1, "[worker] The worker was stopped.")]


@pytest.mark.usefixtures("extractor")
def test_a_restart_of_the_server_in_the_middle_loses_nothing(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    queue(store, run_source, a_captioned_test(store, 1), a_captioned_test(store, 2))
    went_down = threading.Event()

    def go_down(post: Post) -> Reply | None:
        if post.kind == "finish" and not went_down.is_set():
            went_down.set()
            threading.Thread(target=server.stop).start()
            return 503, "", {}
        return None

    server.script = go_down
    with working(options, run_source):
        assert went_down.wait(30)
        while server._server is not None:
            pass
        server.start()
        run_source.await_release()

    assert [post.fields["test_id"] for post in server.of("finish")] == ["1", "2"]
    assert server.briefs()[-1] == "progress completed"


@pytest.mark.usefixtures("extractor")
def test_a_server_that_never_comes_back_ends_the_run_through_its_claim(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    queue(store, run_source, a_captioned_test(store, 1))
    server.script = lambda post: (503, "", {}) if post.kind == "finish" else None

    run(replace(options, retries=Retries(timeout=0.2, first_pause=0.05, max_pause=0.1)), run_source)

    assert run_source.released == [(1, "[web_server] The server took no reports of the worker for too long.")]
    assert run_source.lost == {1}


@pytest.mark.parametrize("asked", ["3", "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
@pytest.mark.usefixtures("extractor")
def test_a_server_that_asks_for_more_time_than_the_worker_has_costs_no_run(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions, asked: str,
) -> None:
    queue(store, run_source, a_captioned_test(store, 1))
    replies: list[Reply] = [(503, "", {"Retry-After": asked})] * 3
    server.script = lambda post: replies.pop() if post.kind == "finish" and replies else None

    run(replace(options, retries=Retries(timeout=0.5, first_pause=0.05, max_pause=0.1)), run_source)

    assert server.briefs()[-1] == "progress completed"
    assert (run_source.released, run_source.lost) == ([(1, None)], set())


@pytest.mark.usefixtures("extractor")
def test_under_maintenance_no_run_is_taken(store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions) -> None:
    queue(store, run_source, a_captioned_test(store))
    server.maintenance = "True"

    assert run(options, run_source) == 0
    assert len(run_source.waiting) == 1


@pytest.mark.usefixtures("extractor")
def test_without_a_server_no_run_is_taken(store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions) -> None:
    queue(store, run_source, a_captioned_test(store))
    server.stop()

    assert run(options, run_source) == 0
    assert len(run_source.waiting) == 1


@pytest.mark.usefixtures("extractor")
def test_without_a_queue_the_worker_waits(store: Store, run_source: FakeRunSource, options: WorkerOptions) -> None:
    queue(store, run_source, a_captioned_test(store))
    run_source.available = False

    assert run(options, run_source) == 0


@pytest.mark.usefixtures("extractor")
def test_several_workers_share_a_queue(store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions) -> None:
    for _ in range(6):
        queue(store, run_source, a_captioned_test(store, 1), a_captioned_test(store, 2))
    stop = threading.Event()
    threads = [threading.Thread(target=work, args=(options, run_source), kwargs={"stop": stop, "until_idle": True}) for _ in range(3)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    ended = [post.path for post in server.of("progress") if post.fields["status"] == "completed"]
    assert sorted(ended) == [f"/ci/progress-reporter/{run_id}/{TOKEN}" for run_id in range(1, 7)]
    assert len(server.of("finish")) == 12


@pytest.mark.usefixtures("extractor")
def test_the_runs_token_stands_in_no_log(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions, caplog: pytest.LogCaptureFixture,
) -> None:
    queue(store, run_source, a_captioned_test(store))
    refused: Iterator[Reply] = iter([(503, "", {}), (403, "FAIL", {})])
    server.script = lambda post: next(refused, None) if post.kind == "finish" else None

    with caplog.at_level(logging.DEBUG):
        logging.getLogger("httpx").setLevel(logging.DEBUG)
        run(options, run_source)

    assert caplog.text
    assert TOKEN not in caplog.text
    assert all(TOKEN.encode() not in (post.file or b"") for post in server.posts)


@pytest.mark.usefixtures("extractor")
def test_a_fault_of_the_worker_ends_the_run_and_not_the_worker(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    queue(store, run_source, a_captioned_test(store))
    queue(store, run_source, a_captioned_test(store))

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    taken = work(options, run_source, stop=threading.Event(), until_idle=True, run_process=broken)  # type: ignore[arg-type]

    assert taken == 2
    assert run_source.released == [(number, "[worker] The worker failed; its log has the details.") for number in (1, 2)]
    assert run_source.lost == set()


@pytest.mark.usefixtures("extractor")
@pytest.mark.parametrize("fault", [OSError(116, "Stale file handle"), UnicodeDecodeError("utf-8", b"", 0, 1, ""), MemoryError()], ids=repr)
def test_a_fault_in_looking_for_a_run_ends_no_worker(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions, fault: BaseException,
) -> None:
    queue(store, run_source, a_captioned_test(store))
    run_source.faults = [fault]

    with working(options, run_source):
        run_source.await_release()

    assert run_source.released == [(1, None)]


@pytest.mark.usefixtures("extractor")
def test_a_fault_in_renewing_a_lease_does_not_end_the_renewals(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    run_id = queue(store, run_source, a_captioned_test(store, 1, "--hang"))

    with working(options, run_source):
        await_hanging(store)
        run_source.faults = [OSError(), ValueError(), MemoryError()]
        while run_source.faults:
            time.sleep(0.01)
        run_source.cancel(run_id)
        run_source.await_release()

    assert server.of("finish") == []


@pytest.mark.usefixtures("extractor")
def test_a_lease_that_cannot_be_renewed_for_any_reason_is_lost_and_its_run_is_left(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    class Faulty(FakeRunSource):
        def renew(self, claimed: ClaimedRun) -> bool:
            raise OSError

    faulty = Faulty()
    queue(store, faulty, a_captioned_test(store, 1, "--hang"))

    with working(replace(options, lease_timeout=0.05), faulty):
        faulty.await_release()

    assert server.of("finish") == []


@pytest.mark.skipif(sys.platform != "linux", reason="core files beside the program are Linux's")
@pytest.mark.skipif(
    not Path("/proc/sys/kernel/core_pattern").exists() or Path("/proc/sys/kernel/core_pattern").read_text().strip() != "core",
    reason="this host sends core files elsewhere")
@pytest.mark.usefixtures("extractor")
def test_a_core_file_is_sent_where_it_is_allowed(store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions) -> None:
    queue(store, run_source, a_captioned_test(store, 1, "--crash"))

    run(replace(options, limits=Limits(seconds=60, core_bytes=1 << 30)), run_source)

    assert "artifactupload coredump" in server.briefs()


def await_hanging(store: Store) -> None:
    """Wait until the program of the running test is in its endless sleep."""
    waiting = threading.Event()
    for _ in range(3000):
        if list(store.folders.temporary.glob("*/*/hanging")):
            return
        waiting.wait(0.01)
    raise AssertionError("the program never came that far")
