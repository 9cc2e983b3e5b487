"""A worker outlives servers that are away, an empty queue and faults of its own."""
from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from api.domain.runs.worker_suite import SuiteTest
from api.worker.cancellation import Cancellation, Cancelled, CancelReason, LeaseRenewer
from api.worker.options import WorkerOptions
from api.worker.reporter import Retries
from api.worker.run_source import ClaimedRun, Pause, RunSourceUnavailable
from tests.e2e.processes import eventually
from tests.worker.fake_run_source import FakeRunSource
from tests.worker.inputs import TOKEN, Store
from tests.worker.stand_in import Post, Reply, StandIn
from tests.worker.working import a_captioned_test, await_hanging, queue, run, work, working

pytestmark = pytest.mark.usefixtures("nothing_is_left_behind")


@pytest.mark.usefixtures("extractor")
def test_a_restart_of_the_server_in_the_middle_loses_nothing(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    queue(run_source, a_captioned_test(store, 1), a_captioned_test(store, 2))
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
    queue(run_source, a_captioned_test(store, 1))
    server.script = lambda post: (503, "", {}) if post.kind == "finish" else None

    run(replace(options, retries=Retries(timeout=0.2, first_pause=0.05, max_pause=0.1)), run_source)

    assert run_source.released == [(1, "[web_server] The server took no reports of the worker for too long.")]
    assert run_source.lost == {1}


@pytest.mark.parametrize("asked", ["3", "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
@pytest.mark.usefixtures("extractor")
def test_a_server_that_asks_for_more_time_than_the_worker_has_costs_no_run(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions, asked: str,
) -> None:
    queue(run_source, a_captioned_test(store, 1))
    replies: list[Reply] = [(503, "", {"Retry-After": asked})] * 3
    server.script = lambda post: replies.pop() if post.kind == "finish" and replies else None

    run(replace(options, retries=Retries(timeout=0.5, first_pause=0.05, max_pause=0.1)), run_source)

    assert server.briefs()[-1] == "progress completed"
    assert (run_source.released, run_source.lost) == ([(1, None)], set())


@pytest.mark.usefixtures("extractor")
def test_without_a_queue_the_worker_waits(store: Store, run_source: FakeRunSource, options: WorkerOptions) -> None:
    queue(run_source, a_captioned_test(store))
    run_source.available = False

    assert run(options, run_source) == 0


@pytest.mark.usefixtures("extractor")
def test_several_workers_share_a_queue(store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions) -> None:
    for _ in range(6):
        queue(run_source, a_captioned_test(store, 1), a_captioned_test(store, 2))
    stop = threading.Event()
    threads = [threading.Thread(target=work, args=(options, run_source, stop), kwargs={"until_idle": True}) for _ in range(3)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    ended = [post.path for post in server.of("progress") if post.fields["status"] == "completed"]
    assert sorted(ended) == [f"/ci/progress-reporter/{run_id}/{TOKEN}" for run_id in range(1, 7)]
    assert len(server.of("finish")) == 12


@pytest.mark.usefixtures("extractor")
def test_a_fault_of_the_worker_ends_the_run_and_not_the_worker(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    queue(run_source, a_captioned_test(store))
    queue(run_source, a_captioned_test(store))

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    taken = run(options, run_source, broken)  # type: ignore[arg-type]

    assert taken == 2
    assert run_source.released == [(number, "[worker] The worker failed; its log has the details.") for number in (1, 2)]
    assert run_source.lost == set()


@pytest.mark.usefixtures("extractor")
@pytest.mark.parametrize("fault", [OSError(116, "Stale file handle"), UnicodeDecodeError("utf-8", b"", 0, 1, ""), MemoryError()], ids=repr)
def test_a_fault_in_looking_for_a_run_ends_no_worker(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions, fault: BaseException,
) -> None:
    queue(run_source, a_captioned_test(store))
    run_source.faults = [fault]

    with working(options, run_source):
        run_source.await_release()

    assert run_source.released == [(1, None)]


@pytest.mark.usefixtures("extractor")
def test_a_fault_in_renewing_a_lease_does_not_end_the_renewals(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    run_id = queue(run_source, a_captioned_test(store, 1, "--hang"))

    with working(options, run_source):
        await_hanging(store)
        run_source.faults = [OSError(), ValueError(), MemoryError()]
        while run_source.faults:
            time.sleep(0.01)
        run_source.cancel(run_id)
        run_source.await_release()

    assert server.of("finish") == []


@pytest.mark.usefixtures("extractor")
def test_a_lease_that_cannot_be_renewed_for_any_reason_is_lost_and_its_run_is_to_be_replaced(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    class Faulty(FakeRunSource):
        def renew(self, claimed: ClaimedRun) -> bool:
            raise OSError

    faulty = Faulty(store.folder)
    queue(faulty, a_captioned_test(store, 1, "--hang"))

    with working(replace(options, lease_timeout=0.05), faulty):
        faulty.await_release()

    assert server.of("finish") == []
    assert faulty.released == [(1, "[worker] The worker was lost: it could not renew its lease.")]
    assert faulty.lost == {1}


def test_a_renewal_that_gets_no_answer_does_not_keep_a_run_going_that_is_lost(store: Store) -> None:
    answered, cancellation = threading.Event(), Cancellation(threading.Event())

    class Silent(FakeRunSource):
        def renew(self, claimed: ClaimedRun) -> bool:
            return answered.wait(60)

    silent = Silent(store.folder)
    silent.add()
    claimed = silent.claim()
    assert claimed is not None
    with LeaseRenewer(silent, claimed, cancellation, interval=0.01, timeout=0.1):
        eventually(cancellation, "the end of the lease", 60)
        answered.set()

    assert cancellation.decided is CancelReason.LEASE_LOST


class Away(FakeRunSource):
    """A server that goes away in the middle of a sample, and is back when `back` is set."""

    back: threading.Event

    def renew(self, claimed: ClaimedRun) -> bool:
        if self.available or self.back.is_set():
            return super().renew(claimed)
        raise RunSourceUnavailable

    def fetch_sample(self, claimed: ClaimedRun, test: SuiteTest, target: Path, pause: Pause) -> None:
        self.available = False
        while not self.back.is_set():
            pause(0.01)
        self.available = True
        super().fetch_sample(claimed, test, target, pause)


@pytest.mark.usefixtures("extractor")
@pytest.mark.parametrize("lapses", [False, True])
def test_a_file_is_waited_for_beyond_the_lease_and_executed_if_the_run_is_still_the_machines(
    store: Store, server: StandIn, options: WorkerOptions, lapses: bool,
) -> None:
    away = Away(store.folder)
    away.back = threading.Event()
    run_id = queue(away, a_captioned_test(store, 1))

    with working(replace(options, lease_timeout=0.2, renew_seconds=0.05), away):
        eventually(lambda: not away.available, "the worker's wish for a sample")
        time.sleep(0.5)
        if lapses:
            away.lapse(run_id)
        away.back.set()
        if lapses:
            said = b"the run is over or belongs to another worker"
            eventually(lambda: any(said in (post.file or b"") for post in server.of("logupload")), "the end of the run", 60)
        else:
            away.await_release()

    assert len(server.of("finish")) == (0 if lapses else 1)
    assert (away.released, away.lost) == ([] if lapses else [(1, None)], set())


def test_who_waits_for_a_lease_is_told_when_it_holds_when_the_run_is_closed_and_when_it_takes_too_long() -> None:
    now = [0.0]
    held, closed, late = (Cancellation(threading.Event(), monotonic=lambda: now[0]) for _ in range(3))
    for each in (held, closed, late):
        each.prolong(1.0)
    now[0] = 2.0
    for each in (held, closed, late):
        each.pause(0.01)

    threading.Timer(0.1, held.prolong, [3.0]).start()
    held.await_lease(60)
    closed.cancel(CancelReason.RUN_CLOSED)
    with pytest.raises(Cancelled) as is_closed:
        closed.await_lease(60)
    with pytest.raises(Cancelled) as is_late:
        late.await_lease(0.1)

    assert held.reason is None
    assert [is_closed.value.reason, is_late.value.reason] == [CancelReason.RUN_CLOSED, CancelReason.LEASE_LOST]
