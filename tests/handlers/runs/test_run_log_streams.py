"""Streams of a run's log share one reader, and each client gets every line once."""
from __future__ import annotations

import asyncio
import http.client
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.domain.auth.access import Role
from api.domain.runs.run import Phase, RunStatus
from api.domain.text.log_cursor import LogPlace, fingerprint
from api.storage.files.archive import Archive
from api.streaming import run_log_tail
from api.streaming.run_log_tail import LogEvent, LogSnapshot, RunLogTails
from tests.builders import NOW, add_event, add_run, add_token
from tests.e2e.processes import eventually
from tests.handlers.jobs.watching import Stream, listening
from tests.handlers.site import Site, build_site

CLIENTS = 40
LINE = b"[2026-08-01 12:00:00] [INFO] line %d\n"


class FakeLog:
    """A log of one-byte lines that grows and is replaced, and a count of the looks at it."""

    def __init__(self) -> None:
        self.content, self.looks, self.at_once = b"", 0, 3
        self.end: RunStatus | None = None
        self.is_there = True

    async def look(self, place: LogPlace, log_fingerprint: bytes) -> LogSnapshot:
        self.looks += 1
        await asyncio.sleep(0)
        at = float(self.looks)
        if not self.is_there:
            return LogSnapshot(at, place, log_fingerprint)
        replaced = place.offset > len(self.content) or fingerprint(self.content, place.offset) != log_fingerprint
        start = 0 if replaced else place.offset
        ends = range(start + 1, min(start + self.at_once, len(self.content)) + 1)
        events = [LogEvent(end - 1, LogPlace(end), self.content[end - 1:end]) for end in ends]
        stop = events[-1].after.offset if events else start
        more = stop < len(self.content)
        log_fingerprint, end = fingerprint(self.content, stop), None if more else self.end
        return LogSnapshot(at, LogPlace(stop), log_fingerprint, self.content, events, end, more=more, replaced=replaced)


async def read_all(tails: RunLogTails, log: FakeLog) -> bytes:
    """What a client gets that comes now and stays until the end."""
    got = b""
    with tails.reader(7, log.look) as reader:
        found = await log.look(LogPlace(), fingerprint(b"", 0))
        while True:
            got += b"".join(event.data for event in found.events)
            if found.end is not None:
                return got
            found = await reader.next(found, 0.05)


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await work()

    asyncio.run(bounded())


@settings(max_examples=30, deadline=None)
@given(steps=st.lists(st.binary(min_size=1, max_size=9), min_size=1, max_size=6), late=st.integers(0, 5), kept=st.sampled_from([0, 2000]))
def test_every_client_gets_every_line_once_whenever_it_came(steps: list[bytes], late: int, kept: int) -> None:
    async def work() -> None:
        log, tails = FakeLog(), RunLogTails(interval=0.001)
        clients = [asyncio.create_task(read_all(tails, log)) for _ in range(3)]
        for number, step in enumerate(steps):
            if number == late:
                clients.append(asyncio.create_task(read_all(tails, log)))
            log.content += step
            await asyncio.sleep(0.003)
        log.end = RunStatus.PASS

        assert await asyncio.gather(*clients) == [log.content] * len(clients)

    before = run_log_tail.BUFFER_BYTES
    run_log_tail.BUFFER_BYTES = kept
    try:
        run(work)
    finally:
        run_log_tail.BUFFER_BYTES = before


def test_a_log_that_is_replaced_is_read_from_its_start_by_all() -> None:
    async def work() -> None:
        log, tails = FakeLog(), RunLogTails(interval=0.001)
        log.content = b"old"
        clients = [asyncio.create_task(read_all(tails, log)) for _ in range(5)]
        await asyncio.sleep(0.05)
        log.content = b"brand new"
        await asyncio.sleep(0.05)
        log.end = RunStatus.FAIL

        assert await asyncio.gather(*clients) == [b"oldbrand new"] * 5

    run(work)


def test_a_log_that_is_gone_for_a_moment_goes_on_where_it_was() -> None:
    async def work() -> None:
        log, tails = FakeLog(), RunLogTails(interval=0.001)
        log.content = b"one"
        clients = [asyncio.create_task(read_all(tails, log)) for _ in range(3)]
        await asyncio.sleep(0.05)
        log.is_there = False
        await asyncio.sleep(0.05)
        log.is_there, log.content, log.end = True, b"one two", RunStatus.PASS

        assert await asyncio.gather(*clients) == [b"one two"] * 3

    run(work)


def test_a_look_that_fails_breaks_the_streams_that_wait_for_it_and_who_comes_back_begins_anew() -> None:
    async def fail(place: LogPlace, log_fingerprint: bytes) -> LogSnapshot:
        raise OSError("the disk is gone")

    async def wait(tails: RunLogTails) -> None:
        with tails.reader(7, fail) as reader:
            while True:
                await reader.next(LogSnapshot(0.0, LogPlace(), fingerprint(b"", 0)), 1.0)

    async def work() -> None:
        log, tails = FakeLog(), RunLogTails(interval=0.001)
        failed = await asyncio.gather(wait(tails), wait(tails), return_exceptions=True)
        log.content, log.end = b"good", RunStatus.PASS

        assert [type(each) for each in failed] == [OSError, OSError]
        assert await read_all(tails, log) == b"good"

    run(work)


class CountingArchive:
    """The site's archive, which counts how often a log is opened, and breaks when it is told to."""

    def __init__(self, archive: Archive) -> None:
        self._archive, self.opened, self.is_broken = archive, 0, False

    @contextmanager
    def hold(self, name: str) -> Iterator[object]:
        """Open a file."""
        self.opened += 1
        if self.is_broken:
            raise OSError("the disk is gone")
        with self._archive.hold(name) as held:
            yield held


@pytest.fixture
def served(sqlite_path: Path, tmp_path: Path) -> Iterator[tuple[Site, str]]:
    site = build_site(tmp_path, sqlite_path)
    with listening(site.app) as url, site.app.flask.app_context():
        yield site, url


def logging_run(site: Site) -> tuple[str, int, Path, CountingArchive]:
    """A run that is being tested and has a log of a line, with a token to read it; and the store that reads are counted in."""
    token, run_id = add_token(site.account(Role.CONTRIBUTOR), now=NOW), add_run()
    add_event(run_id, Phase.TESTING)
    log = site.files / "LogFiles" / f"{run_id}.txt"
    log.parent.mkdir(exist_ok=True)
    log.write_bytes(LINE % 0)
    collaborators = site.app.app_context.collaborators
    archive = CountingArchive(collaborators[Archive])
    collaborators[Archive] = archive  # type: ignore[index]
    return token, run_id, log, archive


def test_a_stream_whose_log_cannot_be_read_any_more_breaks_off(served: tuple[Site, str]) -> None:
    site, url = served
    token, run_id, _, archive = logging_run(site)
    with Stream(url, f"/api/v1/runs/{run_id}/logs/stream", token) as stream:
        stream.next()

        archive.is_broken = True

        # One that waits for more would time out here.
        with suppress(http.client.IncompleteRead):
            assert stream.rest() == []


def test_many_clients_of_one_log_are_served_by_one_reader(served: tuple[Site, str]) -> None:
    site, url = served
    token, run_id, log, archive = logging_run(site)
    with ExitStack() as stack:
        streams = [stack.enter_context(Stream(url, f"/api/v1/runs/{run_id}/logs/stream", token)) for _ in range(CLIENTS)]
        for stream in streams:
            assert stream.next().data["message"].endswith("line 0")
        opened = archive.opened
        got: list[list[str]] = []
        threads = [threading.Thread(target=lambda stream=stream: got.append(messages(stream))) for stream in streams]
        for thread in threads:
            thread.start()
        for number in range(1, 4):
            with log.open("ab") as file:
                file.write(LINE % number)
            before = archive.opened
            eventually(lambda before=before: archive.opened >= before + 2, "another look")
        add_event(run_id, Phase.COMPLETED)
        for thread in threads:
            thread.join(60)

    assert got == [["line 1", "line 2", "line 3"]] * CLIENTS
    # Three lines and the end were waited for, for two looks each and a little more; each client of its own would take forty times that.
    assert archive.opened - opened < CLIENTS


def messages(stream: Stream) -> list[str]:
    return [event.data["message"][-6:] for event in stream.rest() if "message" in event.data]
