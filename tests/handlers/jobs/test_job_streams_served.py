"""The stream of a job's log from whole server processes: killed, stopped, without their database, and with much to send."""
from __future__ import annotations

import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import select

from api.domain.jobs.job import JobReason, end_message
from api.jobs.files import JobFiles
from api.storage.database import session
from api.storage.platform_tables import UserRow
from tests.databases import opened
from tests.e2e.installation import Installation
from tests.e2e.processes import Running, eventually, free_port
from tests.handlers.jobs.watching import HandRun, Stream, log_of
from tests.mariadb import PrivateServer

PASSED = end_message(JobReason.EXIT_CODE, 0) + "\n"
MEGABYTE = 1 << 20
MUCH = 100


@pytest.fixture
def installation(sqlite_path: Path, tmp_path: Path) -> Installation:
    """An installation with an admin, without processes yet."""
    made = Installation(tmp_path, f"sqlite:///{sqlite_path}")
    made.fill()
    return made


@pytest.fixture
def run(installation: Installation) -> Iterator[HandRun]:
    """A running job of the admin's, on that installation."""
    with opened(installation.database_url, migrated=False):
        yield begin(installation)


def begin(installation: Installation) -> HandRun:
    owner = session().execute(select(UserRow.id)).scalars().first()
    assert owner is not None
    return HandRun.submitted(JobFiles(installation.files), owner).start()


def watch(installation: Installation, run: HandRun, port: int | None = None, **parameters: str) -> Stream:
    url = f"http://127.0.0.1:{port or installation.port}"
    return Stream(url, f"/jobs/{run.job_id}/stream", installation.token, **(parameters or {"from_beginning": "true"}))


def under_uvicorn(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "uvicorn", "api.asgi:app", *arguments)


def peak_megabytes(server: Running) -> float:
    lines = Path(f"/proc/{server.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def test_a_stream_goes_on_at_another_process_where_a_killed_one_left_it(installation: Installation, run: HandRun) -> None:
    other = free_port()

    with installation.server() as first, installation.server(port=other):
        run.write(b"one\ntwo\n")
        with watch(installation, run) as stream:
            before = stream.until("two\n")
            first.kill()
            place = stream.last_id
        run.write(b"three\n").finish()
        after = log_of(watch(installation, run, other, last_event_id=str(place)).rest())

    assert before + after == f"one\ntwo\nthree\n{PASSED}"


@pytest.mark.parametrize("workers", [
    pytest.param((), id="alone"), pytest.param(("--workers", "2"), marks=pytest.mark.verify, id="with workers")])
def test_a_server_that_is_told_to_stop_ends_its_streams_without_complete(
    installation: Installation, run: HandRun, workers: tuple[str, ...],
) -> None:
    command = under_uvicorn("--port", str(installation.port), "--lifespan", "on", *workers)

    with installation.answering(command, installation.port) as server:
        run.write(b"one\n")
        streams = [watch(installation, run) for _ in range(4)]
        said = [stream.until("one\n") for stream in streams]
        server.stop()
        rest = [stream.rest() for stream in streams]

    assert said == ["one\n"] * 4
    assert rest == [[]] * 4


def test_a_server_that_is_told_to_stop_ends_the_streams_of_runs_too(installation: Installation) -> None:
    command = under_uvicorn("--port", str(installation.port), "--lifespan", "on")

    with installation.answering(command, installation.port) as server:
        path = f"/api/v1/runs/{installation.api.trigger()}/logs/stream"
        stream = Stream(installation.url, path, installation.token)
        first = stream.next_other().other
        server.stop()
        rest = stream.rest()

    assert first == ["retry: 3000"]
    assert rest == []


def test_a_stream_goes_on_while_the_database_is_away_and_ends_right_once_it_is_back(mariadb: PrivateServer, tmp_path: Path) -> None:
    url = mariadb.server.create_database().render_as_string(hide_password=False)
    with opened(url):
        pass
    installation = Installation(tmp_path, url)
    installation.fill()

    with installation.server() as server:
        with opened(url, migrated=False):
            run = begin(installation)
        stream = watch(installation, run)
        run.write(b"before\n")
        said = stream.until("before\n")
        mariadb.stop(kill=True)
        eventually(lambda: "job_states failed" in server.output(), "an outage that was noticed")
        run.write(b"meanwhile\n")
        said += stream.until("meanwhile\n")
        mariadb.start()
        with opened(url, migrated=False):
            run.finish()
        rest = stream.rest()

    assert said == "before\nmeanwhile\n"
    assert [event.data for event in rest] == [{"type": "log", "data": PASSED}, {"type": "complete", "success": True}]
    assert "Traceback" not in server.output()


def test_a_log_of_a_hundred_megabytes_arrives_whole_at_the_quick_and_at_the_slow_and_takes_no_memory(
    installation: Installation, run: HandRun,
) -> None:
    line = "a line of a log, with an é and a number: {:012d}\n"
    block = "".join(line.format(number) for number in range(MEGABYTE // len(line.encode()[:-1]))).encode()
    written = sha256()

    with installation.server() as server:
        for _ in range(MUCH):
            run.write(block)
            written.update(block)
        run.finish()
        with watch(installation, run) as warm:
            warm.until(line.format(1))
        before = peak_megabytes(server)
        slow = watch(installation, run)
        sums = [digest_of(watch(installation, run)), digest_of(slow)]
        after = peak_megabytes(server)

    written.update(PASSED.encode())
    assert sums == [written.hexdigest()] * 2
    assert after - before < MUCH / 2


def digest_of(stream: Stream) -> str:
    found = sha256()
    with stream:
        for event in stream:
            if event.data is not None and event.data["type"] == "log":
                found.update(event.data["data"].encode())
    return found.hexdigest()
