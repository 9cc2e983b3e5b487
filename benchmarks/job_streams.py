"""What watching jobs costs: how soon a line arrives, what idle watchers take, many watchers of one log, and a big log.

    python -m benchmarks.job_streams [--idle 2000] [--watchers 500] [--megabytes 100]
"""
from __future__ import annotations

import argparse
import asyncio
import os
import random
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from uuid import uuid4

from api.domain.auth.access import Role
from api.domain.jobs.job import Job, JobReason, JobStatus, outcome_of
from api.jobs.files import AttemptFiles, JobFiles
from api.storage.database import transact
from api.storage.jobs.jobs import claim_job, finish_job, submit_job
from benchmarks.seeding import database_in
from benchmarks.servers import LOAD_CORE, OURS, Server, running
from tests.builders import add_token, add_user

LINES = 300
BEGINNING = "from_beginning=true"
LINE = "tests/test_of_a_project.py::test_number_{:06d} PASSED".ljust(99) + "\n"


@dataclass(frozen=True)
class Jobs:
    """The database and the files of the jobs, with their owner's token; nobody but this program runs them."""

    files: JobFiles
    owner_id: int
    token: str

    def submitted(self, priority: int = 0) -> str:
        """A job that waits."""
        job_id = str(uuid4())
        transact(lambda: submit_job(Job(job_id, self.owner_id, JobStatus.QUEUED, datetime.now(UTC), priority)))
        return job_id

    def begun(self) -> Begun:
        """A job that runs."""
        job_id, now = self.submitted(priority=1), datetime.now(UTC)
        job = transact(lambda: claim_job("none", now=now, lease_until=now + timedelta(days=1), per_owner=1 << 30))
        assert job is not None and job.job_id == job_id
        files = self.files.attempt(job_id, job.attempt, job.attempt_fence)
        files.folder.mkdir(parents=True)
        files.log.touch()
        return Begun(job, files)


@dataclass(frozen=True)
class Begun:
    """A job that runs, in the hands of this program."""

    job: Job
    files: AttemptFiles

    @property
    def path(self) -> str:
        """Its stream."""
        return f"/jobs/{self.job.job_id}/stream"

    def write(self, content: bytes) -> None:
        """Append to its log."""
        with self.files.log.open("ab", buffering=0) as log:
            log.write(content)

    def finish(self) -> None:
        """End it."""
        now = datetime.now(UTC)
        transact(lambda: finish_job(self.job.job_id, self.job.fence, outcome_of(JobReason.EXIT_CODE, 0), now))


class Client:
    """Speaks HTTP with as little as possible, so that what is measured is the server."""

    def __init__(self, server: Server, token: str) -> None:
        self._port, self._token = server.port, token

    async def watch(self, path: str, query: str = "") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a stream; its first bytes have come."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
        writer.write(self._request(f"{path}?{query}"))
        head = await reader.readuntil(b"retry: 3000\n") + await reader.readuntil(b"\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(head.decode())
        return reader, writer

    async def asked(self, path: str, times: int) -> list[float]:
        """The milliseconds of requests over one connection, with a rest after each."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        took = []
        for _ in range(times):
            started = time.perf_counter()
            writer.write(self._request(path))
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            took.append((time.perf_counter() - started) * 1000)
            await asyncio.sleep(0.01)
        writer.close()
        return took

    def _request(self, path: str) -> bytes:
        return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self._token}\r\n\r\n".encode()


async def latency(client: Client, job: Begun, pause: float) -> list[float]:
    """Milliseconds from the writing of a line to its arrival, with about this pause between lines."""
    reader, writer = await client.watch(job.path, BEGINNING)
    took = []
    for number in range(LINES):
        await asyncio.sleep(pause * random.uniform(0.5, 1.5))
        started = time.perf_counter()
        job.write(LINE.format(number).encode())
        await reader.readuntil(b"%06d PASSED" % number)
        took.append((time.perf_counter() - started) * 1000)
    writer.close()
    return took


async def drained(reader: asyncio.StreamReader) -> int:
    """Read to the last event; how many bytes came."""
    count, tail = 0, b""
    while b'"complete"' not in tail:
        piece = await reader.read(1 << 18)
        if not piece:
            raise SystemExit("the stream ended without its last event")
        count, tail = count + len(piece), (tail + piece)[-400:]
    return count


def told(name: str, values: Sequence[float]) -> None:
    """Print a median and a 99th percentile."""
    print(f"| {name} | {median(values):.1f} ms | {quantiles(values, n=100)[98]:.1f} ms |")


async def lines(jobs: Jobs, server: Server) -> None:
    """How soon lines arrive, and what idle watchers take and cost others."""
    client = Client(server, jobs.token)
    told("a line each 50 ms", await latency(client, jobs.begun(), 0.05))
    told("a line each 3 s, as a silent log", (await latency_of_silent(client, jobs)))


async def latency_of_silent(client: Client, jobs: Jobs) -> list[float]:
    """Many logs in which a line comes only now and then."""
    many = [jobs.begun() for _ in range(LINES // 10)]
    streams = [await client.watch(job.path, BEGINNING) for job in many]
    took = []
    for number in range(2):
        await asyncio.sleep(3)
        for job, (reader, _) in zip(many, streams, strict=True):
            started = time.perf_counter()
            job.write(LINE.format(number).encode())
            await reader.readuntil(b"%06d PASSED" % number)
            took.append((time.perf_counter() - started) * 1000)
            await asyncio.sleep(random.uniform(0, 0.05))
    for _, writer in streams:
        writer.close()
    return took


async def idle(jobs: Jobs, server: Server, number: int) -> None:
    """What watchers take of whose jobs nothing is heard, and what others feel of them."""
    client, path = Client(server, jobs.token), f"/jobs/{jobs.submitted()}"
    running_jobs = [jobs.begun() for _ in range(number // 2)]
    paths = [f"/jobs/{jobs.submitted()}/stream" for _ in range(number - len(running_jobs))] + [job.path for job in running_jobs]
    await client.asked(path, 100)
    alone, before = await client.asked(path, 500), server.megabytes
    streams = [await client.watch(each) for each in paths]
    await asyncio.sleep(16)
    taken = (server.megabytes - before) * 1024 / number
    cpu = server.cpu_seconds
    await asyncio.sleep(20)
    busy = (server.cpu_seconds - cpu) / 20
    beside = await client.asked(path, 500)
    print(f"\n| {number:,} idle watchers, half of waiting jobs, half of silent ones | figure | goal |\n|---|---|---|")
    print(f"| memory for each | {taken:.1f} KB | < 40 KB |")
    print(f"| a processor kept busy by all | {busy:.1%} | |")
    print(f"| `GET /jobs/{{id}}`, median alone, beside them, ratio | {median(alone):.2f} ms, {median(beside):.2f} ms, "
          f"{median(beside) / median(alone):.2f} | ≤ 1.1 |")
    print("\n| a line beside them | median | 99th percentile |\n|---|---|---|")
    told("a line each 50 ms", await latency(client, jobs.begun(), 0.05))
    for _, writer in streams:
        writer.close()
    await asyncio.sleep(3)
    print(f"\nafter they left: {server.megabytes - before:+.1f} MB")


def read_bytes(server: Server) -> int:
    """What the process has read, sockets among it."""
    return int(Path(f"/proc/{server.pid}/io").read_text().split()[1])


async def together(jobs: Jobs, server: Server, number: int) -> None:
    """Many watchers of one log against one."""
    client, figures = Client(server, jobs.token), []
    for watchers in (1, number):
        job = jobs.begun()
        streams = [await client.watch(job.path, BEGINNING) for _ in range(watchers)]
        cpu, read = server.cpu_seconds, read_bytes(server)
        tasks = [asyncio.create_task(drained(reader)) for reader, _ in streams]
        block = "".join(LINE.format(line) for line in range(200)).encode()
        for _ in range(100):
            job.write(block)
            await asyncio.sleep(0.05)
        job.finish()
        sizes = set(await asyncio.gather(*tasks))
        figures.append((server.cpu_seconds - cpu, (read_bytes(server) - read) / 1e6, len(block) / 1e4))
        if len(sizes) > 2:
            print(f"sizes: {sorted(sizes)}")
        for _, writer in streams:
            writer.close()
    (cpu_of_one, read_of_one, size), (cpu_of_many, read_of_many, _) = figures
    print(f"\n| one log of {size:.0f} MB in 5 s | 1 watcher | {number} watchers | ratio |\n|---|---|---|---|")
    print(f"| processor time | {cpu_of_one:.2f} s | {cpu_of_many:.2f} s | {cpu_of_many / max(cpu_of_one, 0.01):.0f} |")
    print(f"| read from the disk and from sockets | {read_of_one:.1f} MB | {read_of_many:.1f} MB | {read_of_many / read_of_one:.2f} |")


async def big(jobs: Jobs, server: Server, megabytes: int) -> None:
    """A big log from its beginning."""
    client, job = Client(server, jobs.token), jobs.begun()
    block = "".join(LINE.format(line) for line in range(10_000)).encode()
    for _ in range(megabytes):
        job.write(block)
    job.finish()
    before, started, cpu = server.peak_megabytes, time.perf_counter(), server.cpu_seconds
    reader, writer = await client.watch(job.path, BEGINNING)
    count = await drained(reader)
    took = time.perf_counter() - started
    writer.close()
    print(f"\n| a log of {megabytes} MB from its beginning | figure | goal |\n|---|---|---|")
    busy = server.cpu_seconds - cpu
    print(f"| arrives | {megabytes / took:.0f} MB/s ({count / 1e6:.0f} MB of events, {busy:.2f} s of a processor) | whole |")
    print(f"| memory that this took | {server.peak_megabytes - before:.1f} MB | flat |")


@contextmanager
def prepared() -> Iterator[tuple[Jobs, Server]]:
    """A server on a fresh database."""
    with tempfile.TemporaryDirectory() as name, database_in(Path(name)) as environment:
        owner_id = add_user("owner", role=Role.TESTER)
        token = add_token(owner_id, now=datetime.now(UTC))
        environment |= {
            "CI_SYNC_INTERVAL": "100000", "CI_JOBS": "separate", "CI_STREAMS_PER_USER": "1000000", "CI_WORK_DIR": f"{name}/work"}
        with running(OURS, "/jobs", environment, token=token) as server:
            yield Jobs(JobFiles(Path(name) / "files"), owner_id, token), server


async def measure(jobs: Jobs, server: Server, arguments: argparse.Namespace) -> None:
    """Measure all."""
    print("| from the writing of a line to its arrival | median | 99th percentile |\n|---|---|---|")
    await lines(jobs, server)
    await idle(jobs, server, arguments.idle)
    await together(jobs, server, arguments.watchers)
    await big(jobs, server, arguments.megabytes)


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--idle", type=int, default=2000)
    parser.add_argument("--watchers", type=int, default=500)
    parser.add_argument("--megabytes", type=int, default=100)
    arguments = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 1 << 16), hard))
    with prepared() as (jobs, server):
        os.sched_setaffinity(0, {LOAD_CORE})
        asyncio.run(measure(jobs, server, arguments))


if __name__ == "__main__":
    main()
