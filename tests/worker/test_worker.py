"""A worker outlives servers that are away, an empty queue and faults of its own."""
from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from api.domain.runs.claimed_run import ReportedError, RunEnd, RunOutcome
from api.domain.runs.infrastructure_code import InfrastructureCode
from api.domain.runs.worker_suite import SuiteTest
from api.worker.cancellation import Cancellation, Cancelled, CancelReason, LeaseRenewer
from api.worker.options import WorkerOptions
from api.worker.patience import Retries
from api.worker.run_source import ClaimedRun, Pause, RunSourceUnavailable
from tests.e2e.processes import eventually
from tests.worker.fake_run_source import FakeRunSource, Report
from tests.worker.inputs import Store
from tests.worker.working import a_captioned_test, await_hanging, queue, run, work, working

pytestmark = pytest.mark.usefixtures("nothing_is_left_behind")


def lost(why: str, code: InfrastructureCode) -> RunEnd:
    return RunEnd(RunOutcome.LOST, ReportedError.of(code, why))


@pytest.mark.usefixtures("extractor")
def test_a_server_that_is_away_for_a_while_in_the_middle_loses_nothing(
    store: Store, run_source: FakeRunSource, options: WorkerOptions,
) -> None:
    queue(run_source, a_captioned_test(store, 1), a_captioned_test(store, 2))
    refused = [RunSourceUnavailable("away")] * 20

    def be_away(report: Report) -> None:
        if report.kind != "progress" and refused:
            raise refused.pop()

    run_source.script = be_away

    run(options, run_source)

    assert run_source.endings() == [(1, 0), (2, 0)]
    assert run_source.end_of_one == RunEnd(RunOutcome.COMPLETED)


@pytest.mark.usefixtures("extractor")
def test_a_server_that_takes_nothing_for_too_long_ends_the_run_through_its_claim(
    store: Store, run_source: FakeRunSource, options: WorkerOptions,
) -> None:
    queue(run_source, a_captioned_test(store, 1))

    def be_away(report: Report) -> None:
        if report.kind == "results":
            raise RunSourceUnavailable

    run_source.script = be_away

    run(replace(options, retries=Retries(timeout=0.2, first_pause=0.05, max_pause=0.1)), run_source)

    assert run_source.end_of_one == lost("The server took no reports of the worker for too long.", InfrastructureCode.SERVER_UNREACHABLE)


@pytest.mark.usefixtures("extractor")
def test_a_server_that_asks_for_more_time_than_the_worker_has_costs_no_run(
    store: Store, run_source: FakeRunSource, options: WorkerOptions,
) -> None:
    queue(run_source, a_captioned_test(store, 1))
    refused = [RunSourceUnavailable(retry_after=3)] * 3

    def be_busy(report: Report) -> None:
        if report.kind == "results" and refused:
            raise refused.pop()

    run_source.script = be_busy

    run(replace(options, retries=Retries(timeout=0.5, first_pause=0.05, max_pause=0.1)), run_source)

    assert run_source.end_of_one == RunEnd(RunOutcome.COMPLETED)


@pytest.mark.usefixtures("extractor")
def test_without_a_queue_the_worker_waits(store: Store, run_source: FakeRunSource, options: WorkerOptions) -> None:
    queue(run_source, a_captioned_test(store))
    run_source.available = False

    assert run(options, run_source) == 0


@pytest.mark.usefixtures("extractor")
def test_several_workers_share_a_queue(store: Store, run_source: FakeRunSource, options: WorkerOptions) -> None:
    for _ in range(6):
        queue(run_source, a_captioned_test(store, 1), a_captioned_test(store, 2))
    stop = threading.Event()
    threads = [threading.Thread(target=work, args=(options, run_source, stop), kwargs={"until_idle": True}) for _ in range(3)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(run_source.ends) == [(run_id, RunEnd(RunOutcome.COMPLETED)) for run_id in range(1, 7)]
    assert len(run_source.endings()) == 12


@pytest.mark.usefixtures("extractor")
def test_a_fault_of_the_worker_ends_the_run_and_not_the_worker(
    store: Store, run_source: FakeRunSource, options: WorkerOptions,
) -> None:
    queue(run_source, a_captioned_test(store))
    queue(run_source, a_captioned_test(store))

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    taken = run(options, run_source, broken)  # type: ignore[arg-type]

    assert taken == 2
    why = ReportedError.of(InfrastructureCode.WORKER_FAILED, "The worker failed; its log has the details.")
    assert run_source.ends == [(number, RunEnd(RunOutcome.GAVE_UP, why)) for number in (1, 2)]


@pytest.mark.usefixtures("extractor")
@pytest.mark.parametrize("fault", [OSError(116, "Stale file handle"), UnicodeDecodeError("utf-8", b"", 0, 1, ""), MemoryError()], ids=repr)
def test_a_fault_in_looking_for_a_run_ends_no_worker(
    store: Store, run_source: FakeRunSource, options: WorkerOptions, fault: BaseException,
) -> None:
    queue(run_source, a_captioned_test(store))
    run_source.faults = [fault]

    with working(options, run_source):
        run_source.await_end()

    assert run_source.end_of_one == RunEnd(RunOutcome.COMPLETED)


@pytest.mark.usefixtures("extractor")
def test_a_fault_in_renewing_a_lease_does_not_end_the_renewals(
    store: Store, run_source: FakeRunSource, options: WorkerOptions,
) -> None:
    run_id = queue(run_source, a_captioned_test(store, 1, "--hang"))

    with working(options, run_source):
        await_hanging(store)
        run_source.faults = [OSError(), ValueError(), MemoryError()]
        while run_source.faults:
            time.sleep(0.01)
        run_source.cancel(run_id)
        run_source.await_end()

    assert run_source.results == []


@pytest.mark.usefixtures("extractor")
def test_a_lease_that_cannot_be_renewed_for_any_reason_is_lost_and_its_run_is_to_be_replaced(
    store: Store, run_source: FakeRunSource, options: WorkerOptions,
) -> None:
    class Faulty(FakeRunSource):
        def renew(self, claimed: ClaimedRun) -> bool:
            raise OSError

    faulty = Faulty(store.folder)
    queue(faulty, a_captioned_test(store, 1, "--hang"))

    with working(replace(options, lease_timeout=0.05), faulty):
        faulty.await_end()

    assert faulty.results == []
    assert faulty.end_of_one == lost("The worker was lost: it could not renew its lease.", InfrastructureCode.LEASE_LOST)


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


def test_a_lease_is_renewed_as_often_as_the_server_asks(store: Store) -> None:
    class Busy(FakeRunSource):
        """A server that asks to be left alone after the first renewal."""

        renewals = 0

        def renew(self, claimed: ClaimedRun) -> bool:
            self.renewals += 1
            self.report_seconds = 3600
            return super().renew(claimed)

    busy, cancellation = Busy(store.folder), Cancellation(threading.Event())
    busy.add()
    claimed = busy.claim()
    assert claimed is not None
    with LeaseRenewer(busy, claimed, cancellation, interval=0.01, timeout=60):
        eventually(lambda: busy.renewals > 0, "a renewal")
        time.sleep(0.1)

    assert busy.renewals == 1


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
    store: Store, options: WorkerOptions, lapses: bool,
) -> None:
    away = Away(store.folder)
    away.back = threading.Event()
    first, second = queue(away, a_captioned_test(store, 1)), queue(away)

    with working(replace(options, lease_timeout=0.2, renew_seconds=0.05), away):
        eventually(lambda: not away.available, "the worker's wish for a sample")
        time.sleep(0.5)
        if lapses:
            away.lapse(first)
        away.back.set()
        away.await_end()

    assert away.endings() == ([] if lapses else [(1, 0)])
    assert away.ends[0] == (second if lapses else first, RunEnd(RunOutcome.COMPLETED))


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
