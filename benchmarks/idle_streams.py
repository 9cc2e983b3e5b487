"""The memory that idle clients of event streams take, beside a bare program that streams nothing either, under the same uvicorn.

    python -m benchmarks.idle_streams [--clients 5000] [--kinds ...]
"""
from __future__ import annotations

import argparse
import asyncio
import os
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import uvicorn

from api.commands.serve import allow_open_files
from api.domain.runs.run import Phase
from api.specfirst.transport.http_protocol import BoundedHttp
from benchmarks.job_streams import Client, Jobs, prepared
from benchmarks.servers import LOAD_CORE, Server, running
from tests.builders import add_event, add_run

BARE = "a bare program"
Paths = Callable[[Jobs, int], Sequence[str]]
KINDS: dict[str, Paths] = {
    "jobs that wait, one each": lambda jobs, number: [f"/jobs/{jobs.submitted()}/stream" for _ in range(number)],
    "jobs that are silent, one each": lambda jobs, number: [jobs.begun().path for _ in range(number)],
    "one silent job": lambda jobs, number: [jobs.begun().path] * number,
    "one silent run": lambda jobs, number: [f"/api/v1/runs/{_begun_run()}/logs/stream"] * number,
}


def _begun_run() -> int:
    run_id = add_run()
    add_event(run_id, Phase.TESTING, "Running tests", at=datetime.now(UTC))
    return run_id


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """A stream of its first bytes, until the client leaves."""
    if scope["type"] == "lifespan":
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    await send({"type": "http.response.body", "body": b"retry: 3000\n\n", "more_body": scope["path"] != "/"})
    while scope["path"] != "/" and (await receive())["type"] != "http.disconnect":
        pass


@contextmanager
def bare_server() -> Iterator[Server]:
    """The bare program, served."""
    with running((sys.executable, "-m", "benchmarks.idle_streams", "--serve"), "/", {}) as server:
        yield server


async def kilobytes_each(server: Server, token: str, paths: Sequence[str]) -> tuple[float, float]:
    """The memory for each client, and what is left of that a moment after all have left."""
    client = Client(server, token)
    first = [await client.watch(path) for path in paths[:100]]
    before = server.megabytes
    streams = [await client.watch(path) for path in paths[100:]]
    await asyncio.sleep(20)
    taken = server.megabytes - before
    for _, writer in (*first, *streams):
        writer.close()
    await asyncio.sleep(3)
    return taken * 1024 / len(streams), (server.megabytes - before) * 1024 / len(streams)


def main() -> None:
    """Measure each kind on a fresh server, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=5000)
    parser.add_argument("--kinds", nargs="*", default=[BARE, *KINDS], choices=[BARE, *KINDS])
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        allow_open_files()
        uvicorn.run(
            bare, port=arguments.port, lifespan="off", http=BoundedHttp, ws="none", access_log=False, proxy_headers=False,
            server_header=False, log_config=None)
        return
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 1 << 16), hard))
    print(f"| {arguments.clients:,} idle clients of | memory for each | left once they are gone |\n|---|---|---|")
    for kind in arguments.kinds:
        print(f"| {kind} | {{:.1f}} KB | {{:.1f}} KB |".format(*measured(kind, arguments.clients)), flush=True)


def measured(kind: str, clients: int) -> tuple[float, float]:
    """The memory for each client of a kind of stream."""
    processors = os.sched_getaffinity(0)
    try:
        if kind == BARE:
            with bare_server() as server:
                os.sched_setaffinity(0, {LOAD_CORE})
                return asyncio.run(kilobytes_each(server, "none", ["/stream"] * (clients + 100)))
        with prepared() as (jobs, server):
            paths = KINDS[kind](jobs, clients + 100)
            os.sched_setaffinity(0, {LOAD_CORE})
            return asyncio.run(kilobytes_each(server, jobs.token, paths))
    finally:
        os.sched_setaffinity(0, processors)


if __name__ == "__main__":
    main()
