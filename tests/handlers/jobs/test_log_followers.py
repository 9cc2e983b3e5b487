"""The parts that streams of jobs share: watchers at their own pace, looks at many logs, and the wake event."""
from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from api.domain.jobs.event_stream import PING, Frame, StreamPlace, frames_of
from api.domain.jobs.job import Job, JobStatus
from api.jobs.files import AttemptFiles
from api.storage.jobs.artifacts import LocalFile
from api.storage.jobs.attempt_logs import LogsOnDisk
from api.storage.jobs.logs import LogQuery, LogState
from api.storage.jobs.places import AttemptPlace
from api.streaming.log_follower import Follower, pause_after
from api.streaming.log_watch import IDLE_BATCH_SIZE, LogWatch
from api.streaming.shared_tail import Gap, Tail
from api.streaming.subscribers import Subscriber
from api.streaming.wake_event import WakeEvent
from tests.handlers.jobs.followed import JOB, PLACE
from tests.handlers.jobs.test_log_tails import Subject


class Source:
    """A log of one piece after another."""

    def __init__(self, *pieces: bytes) -> None:
        self.frames = frames_of(b"".join(pieces), StreamPlace(1, 0), final=True)

    def next_for(self, watcher: Subscriber) -> Frame | Gap | None:
        """The frame at the watcher's place."""
        return next((frame for frame in self.frames if frame.start == watcher.place.offset), None)

    async def read(self, gap: Gap) -> Frame | None:
        """Nothing is ever read alone."""
        raise AssertionError(gap)


@dataclass
class Client:
    """A client that takes what it is sent, as long as its door is open."""

    got: list[bytes] = field(default_factory=list)
    door: asyncio.Event = field(default_factory=asyncio.Event)
    failure: Exception | None = None

    async def send(self, message: dict[str, Any]) -> None:
        """Take a message."""
        if self.failure is not None:
            raise self.failure
        self.got.append(message["body"])
        await self.door.wait()


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(test(), 60)

    asyncio.run(bounded())


def test_a_client_that_takes_nothing_is_handed_one_piece_and_the_rest_waits_in_the_log() -> None:
    async def test() -> None:
        client, source = Client(), Source(b"x" * 60_000 + b"\n", b"y" * 60_000 + b"\n", b"z\n")
        watcher = Subscriber(source, None, StreamPlace(1, 0), client.send, _never)
        watcher.wake()
        for _ in range(100):
            watcher.wake()
            watcher.ping()
            await asyncio.sleep(0)
        stuck = len(client.got)
        client.door.set()
        while watcher.place.offset < 120_004:
            await asyncio.sleep(0)
        watcher.end()
        while client.got[-1] != b"":
            await asyncio.sleep(0)

        assert stuck == 1
        assert client.got == [*[frame.event for frame in source.frames], b""]

    run(test)


def test_a_watcher_that_has_nothing_to_send_has_no_task() -> None:
    async def test() -> None:
        client = Client()
        client.door.set()
        before = len(asyncio.all_tasks())
        watchers = [Subscriber(Source(), None, StreamPlace(1, 0), client.send, _never) for _ in range(100)]
        for watcher in watchers:
            watcher.ping()
        while len(asyncio.all_tasks()) > before:
            await asyncio.sleep(0)

        assert client.got == [PING] * 100

    run(test)


def test_a_client_that_is_gone_while_it_is_sent_something_is_no_fault_and_anything_else_is() -> None:
    async def test() -> None:
        failures: list[BaseException] = []
        for failure in (BrokenPipeError(), RuntimeError("a fault")):
            Subscriber(Source(b"one\n"), None, StreamPlace(1, 0), Client(failure=failure).send, failures.append).wake()
        while len(asyncio.all_tasks()) > 2:
            await asyncio.sleep(0)

        assert [str(each) for each in failures] == ["a fault"]

    run(test)


def test_a_log_that_cannot_be_read_any_more_ends_its_stream_instead_of_leaving_it_open_for_ever() -> None:
    class Torn(Source):
        def next_for(self, watcher: Subscriber) -> Frame | Gap | None:
            return Gap(PLACE, watcher.place, 5)

        async def read(self, gap: Gap) -> Frame | None:
            raise OSError(24, "Too many open files")

    async def test() -> None:
        failures: list[BaseException] = []
        Subscriber(Torn(), None, StreamPlace(1, 0), Client().send, failures.append).wake()
        while len(asyncio.all_tasks()) > 2:
            await asyncio.sleep(0)

        assert [str(each) for each in failures] == ["[Errno 24] Too many open files"]

    run(test)


def _never(broken: BaseException) -> None:
    raise AssertionError(broken)


def test_an_wake_event_wakes_its_sleeper_and_a_ring_before_the_sleep_is_not_lost() -> None:
    async def test() -> None:
        wake_event = WakeEvent()
        wake_event.wake()
        await wake_event.sleep(None)
        sleeper = asyncio.create_task(wake_event.sleep(None))
        await asyncio.sleep(0)
        wake_event.wake()
        await sleeper
        await wake_event.sleep(0.001)

    run(test)


def test_of_many_silent_logs_only_some_are_looked_at_at_once_and_all_in_turn() -> None:
    with ThreadPoolExecutor(1) as pool:
        watch = LogWatch(LogsOnDisk(Path("/nowhere")), pool)
        tails = [Tail(Subject(), number) for number in range(1, 5 * IDLE_BATCH_SIZE)]
        for tail in tails:
            watch._idle[tail] = None

        looks = [watch._next_idle() for _ in range(5)]

    assert {len(each) for each in looks} == {IDLE_BATCH_SIZE}
    assert {tail for each in looks for tail in each} == set(tails)


def test_of_silent_logs_those_that_have_another_size_are_told_apart(tmp_path: Path) -> None:
    grown, same, missing = (AttemptPlace(JOB.job_id, number, number) for number in (1, 2, 3))
    logs = LogsOnDisk(tmp_path)
    logs.append(grown, 0, b"one\ntwo\n")
    logs.append(same, 0, b"one\n")

    with ThreadPoolExecutor(1) as pool:
        _, told = LogWatch(logs, pool)._query_all([], [(grown, 4), (same, 4), (missing, 0)])

    assert told == [True, False, False]


def test_a_log_that_cannot_be_read_just_now_stops_nobody_elses(tmp_path: Path) -> None:
    class Broken(LogsOnDisk):
        def known(self, place: AttemptPlace, size: int) -> LocalFile:
            if place.attempt == 1:
                raise PermissionError(13, "Permission denied")
            return super().known(place, size)

        def find(self, job_id: str, attempt: int) -> AttemptPlace:
            raise PermissionError(13, "Not to be searched")

    logs, running = Broken(tmp_path), replace(JOB, attempt=2, attempt_fence=2)
    logs.append(AttemptPlace(JOB.job_id, 2, 2), 0, b"five\n")

    with ThreadPoolExecutor(1) as pool:
        found = LogWatch(logs, pool)._query_all([LogQuery(JOB, 1), LogQuery(running, 1), LogQuery(running, 2)], [])[0]

    assert [each.size if isinstance(each, LogState) else each.strerror for each in found] == [
        "Permission denied", "Not to be searched", 5]


def test_of_a_log_that_cannot_be_read_is_told_once_until_it_can_be_again(caplog: pytest.LogCaptureFixture) -> None:
    tail, fault = Tail(Subject(), 1), PermissionError(13, "Permission denied")
    tail.head = 0
    tail.readers.append(Subscriber(Source(), None, StreamPlace(1, 0), Client().send, _never))

    with ThreadPoolExecutor(1) as pool:
        watch = LogWatch(LogsOnDisk(Path("/nowhere")), pool)
        for found in (fault, fault, fault, LogState(PLACE, 0, 0, (), closed=False, is_mid_line=False), fault):
            watch._apply(tail, found, 0.0)

    assert caplog.text.count("Permission denied") == 2


def test_a_database_is_asked_less_while_it_is_slow_but_never_for_long_not_at_all() -> None:
    assert [pause_after(seconds) for seconds in (0.0, 0.01, 0.02, 30.0)] == [0.1, 0.5, 1.0, 2.0]


def test_two_hundred_streams_of_one_log_ask_the_database_for_one_job(tmp_path: Path, attempt: AttemptFiles) -> None:
    asked: list[int] = []

    def load_changed(known: Any) -> dict[str, Job | None]:
        asked.append(len(known))
        return {}

    async def test() -> None:
        attempt.log.write_bytes(b"one\n")
        follower = Follower(LogsOnDisk(tmp_path), load_changed)
        async with follower.running():
            clients = [Client() for _ in range(200)]
            for client in clients:
                client.door.set()
            watchers = [follower.join(JOB, StreamPlace(1, 0), client.send, _never) for client in clients]
            for watcher in watchers:
                watcher.wake()
            while not all(client.got for client in clients) or not asked:
                await asyncio.sleep(0.01)
            for watcher in watchers:
                follower.leave(watcher)

        assert {bytes(client.got[0]) for client in clients} == {b'id: 1-4\ndata: {"type": "log", "data": "one\\n"}\n\n'}
        assert set(asked) == {1}
        assert (follower.stream_count, follower.logs.log_count) == (0, 0)

    run(test)


def test_a_fault_in_asking_for_the_jobs_does_not_leave_streams_open_for_ever(tmp_path: Path, attempt: AttemptFiles) -> None:
    asked: list[int] = []

    def load_changed(known: Any) -> dict[str, Job | None]:
        asked.append(len(known))
        if len(asked) == 1:
            raise ValueError("a status that nobody knows")
        return {JOB.job_id: replace(JOB, status=JobStatus.COMPLETED, success=True)}

    async def test() -> None:
        client = Client()
        client.door.set()
        follower = Follower(LogsOnDisk(tmp_path), load_changed)
        async with follower.running():
            watcher = follower.join(JOB, StreamPlace(1, 0), client.send, _never)
            watcher.wake()
            while not client.got or client.got[-1] != b"":
                await asyncio.sleep(0.01)
            follower.leave(watcher)

        assert b'"complete", "success": true' in client.got[-2]

    run(test)
