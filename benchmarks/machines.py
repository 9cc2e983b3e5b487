"""Machines that wait, claim and report, in steps: `python -m benchmarks.machines [--machines 10 100 1000] [--runs 200]`.

One server process on MariaDB. Runs are triggered one by one, and taken by machines that wait by long polls. The time is that from the
trigger's beginning to the machine's having the run. Then each claim is renewed, as machines do that execute runs, and each machine sends
a result and a piece of a log, of 4 KiB. In the end each machine has a run, with a test every four seconds, and reports for a minute, as
often as the server asks.
"""
from __future__ import annotations

import argparse
import asyncio
import os
import resource
import tempfile
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from random import random
from statistics import median
from typing import Any
from uuid import uuid4

import httpx

from api.domain.auth.access import Role
from api.domain.auth.token import token_digest
from api.domain.runs.machine import Machine, WorkKind, machine_token
from api.domain.runs.run import Platform
from api.storage.database import transact
from api.storage.runs.machines import add_machine
from benchmarks.seeding import NO_LIMITS
from benchmarks.servers import LOAD_CORE, OURS, Server, running
from tests.builders import MAIN_REPOSITORY, NOW, add_regression_test, add_run, add_token, add_user
from tests.databases import opened
from tests.mariadb import running_server

HEALTH = "/maintenance-mode/linux"
API = "/machine-api/v1"
WAIT = 25
# For how long nothing happens but that each machine asks again, in seconds: longer than each question lasts.
IDLE = WAIT + 5
BYTES = {"Content-Type": "application/octet-stream"}
# Of busy machines, in seconds: between two renewals and two reports at least, for each test, until all know how often to report, and for
# how long it is measured.
RENEWED, REPORTED, TEST_SECONDS, SETTLED, MEASURED = 5, 2, 4, 30, 60
# How many tests a run has, what the log says of each, and what each prints.
TESTS, LOG_BYTES = 40, 300
PRINTED = b64encode(b"x" * LOG_BYTES).decode()
# The server ends a connection on which nothing came for five seconds; none is used again when that may happen.
CONNECTIONS = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=3)
# Between two triggers: what is measured is a hand-over, not a queue.
PAUSE = 0.02


@dataclass
class Taken:
    """When each run was triggered, and when some machine had it."""

    triggered: dict[int, float] = field(default_factory=dict)
    had: dict[int, float] = field(default_factory=dict)
    claims: list[tuple[str, str]] = field(default_factory=list)

    @property
    def delays(self) -> list[float]:
        """Milliseconds from the trigger to the machine, of each run."""
        return [(self.had[run_id] - began) * 1000 for run_id, began in self.triggered.items()]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--machines", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--runs", type=int, default=200)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {LOAD_CORE})
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(
        "| machines | claim, ms: median | p99 | greatest | trigger and claim, CPU ms | waiting, CPU ms per machine and minute "
        "| renewal, CPU ms | result, CPU ms | log, CPU ms | all busy: reports per second | seconds between two | cores |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for machines in arguments.machines:
        print(f"{step(machines, arguments.runs)} {busy_step(machines)}", flush=True)


def step(machines: int, runs: int) -> str:
    """A row of the table, on a database and a server of its own."""
    with running_server() as mariadb, tempfile.TemporaryDirectory() as folder:
        url = mariadb.create_database().render_as_string(hide_password=False)
        with opened(url):
            test = add_regression_test()
            token = add_token(add_user(role=Role.ADMIN), now=NOW.now(NOW.tzinfo))
            for number in range(machines):
                transact(partial(add_machine, machine_of(number), token_digest(token_of(number))))
        with running(OURS, HEALTH, environment_of(url, folder)) as server:
            return asyncio.run(measured(server, machines, runs, token, test.regression_id))


def busy_step(machines: int) -> str:
    """The row's end: machines that all have a run, on a database and a server of their own."""
    with running_server() as mariadb, tempfile.TemporaryDirectory() as folder:
        url = mariadb.create_database().render_as_string(hide_password=False)
        with opened(url):
            tests = [add_regression_test().regression_id for _ in range(TESTS)]
            for number in range(machines):
                transact(partial(add_machine, machine_of(number), token_digest(token_of(number))))
                add_run(tests=tests, commit=f"{number:040x}")
        with running(OURS, HEALTH, environment_of(url, folder)) as server:
            return asyncio.run(reported(server, machines, tests))


def environment_of(url: str, folder: str) -> dict[str, str]:
    """The settings of a server for runs alone."""
    return {
        "CI_DATABASE_URL": url, "SAMPLE_REPOSITORY": str(Path(folder) / "files"), "CI_WORK_DIR": str(Path(folder) / "work"),
        "CI_JOBS": "off", **NO_LIMITS}


def machine_of(number: int) -> Machine:
    """A machine for linux."""
    return Machine(f"machine-{number}", (WorkKind.RUN,), Platform.LINUX, NOW)


def token_of(number: int) -> str:
    """The machine's token."""
    return machine_token(sha256(f"machine {number}".encode()).digest())


async def measured(server: Server, machines: int, runs: int, token: str, test: int) -> str:
    """Let all wait, trigger the runs, and have the claims kept and reported on."""
    base, found = f"http://127.0.0.1:{server.port}", Taken()
    async with httpx.AsyncClient(base_url=base, limits=CONNECTIONS, timeout=WAIT + 30, trust_env=False) as http:
        waiting = [asyncio.create_task(machine(http, number, found)) for number in range(machines)]
        await asyncio.sleep(3 + machines / 200)
        before = server.cpu_seconds
        await asyncio.sleep(IDLE)
        idle = (server.cpu_seconds - before) / IDLE * 60_000 / machines
        before = server.cpu_seconds
        await trigger(http, token, runs, found)
        while len(found.had) < runs:
            await asyncio.sleep(0.05)
        claim = (server.cpu_seconds - before) * 1000 / runs
        for each in waiting:
            each.cancel()
        costs = [await cost(http, server, found.claims, each) for each in (renew, partial(report, test), send_log)]
    delays = found.delays
    p99 = sorted(delays)[round(0.99 * (len(delays) - 1))]
    figures = median(delays), p99, max(delays), claim, idle, *costs
    return f"| {machines} | {' | '.join(f'{each:.1f}' for each in figures)} |"


async def machine(http: httpx.AsyncClient, number: int, found: Taken) -> None:
    """Wait for runs, again and again."""
    headers, session, holding = {"Authorization": f"Bearer {token_of(number)}"}, str(uuid4()), list[str]()
    while True:
        body: dict[str, Any] = {"session": session, "holding": holding[-40:], "wait": WAIT}
        answer = await http.post(f"{API}/claims", json=body, headers=headers)
        work = answer.raise_for_status().json()["work"]
        if work is not None:
            found.had[work["run"]["run_id"]] = time.perf_counter()
            found.claims.append((headers["Authorization"], work["claim"]))
            holding.append(work["claim"])


async def trigger(http: httpx.AsyncClient, token: str, runs: int, found: Taken) -> None:
    """Trigger runs, each of a commit of its own."""
    for number in range(runs):
        body = {"repository": MAIN_REPOSITORY, "commit_sha": f"{number:040x}", "platform": "linux"}
        began = time.perf_counter()
        answer = await http.post("/api/v1/runs", json=body, headers={"Authorization": f"Bearer {token}"})
        found.triggered[answer.raise_for_status().json()["run_id"]] = began
        await asyncio.sleep(PAUSE)


Say = Callable[[httpx.AsyncClient, str, dict[str, str]], Awaitable[httpx.Response]]


async def cost(http: httpx.AsyncClient, server: Server, claims: list[tuple[str, str]], say: Say) -> float:
    """Milliseconds of the server's processor time for what each machine says of its claim."""
    before = server.cpu_seconds
    for authorization, claim in claims:
        (await say(http, claim, {"Authorization": authorization})).raise_for_status()
    return (server.cpu_seconds - before) * 1000 / len(claims)


async def renew(http: httpx.AsyncClient, claim: str, headers: dict[str, str]) -> httpx.Response:
    """Keep a claim, which must be held."""
    answer = await http.post(f"{API}/claims/renew", json={"claims": [claim]}, headers=headers)
    assert answer.json()["claims"][0]["state"] == "held", answer.text
    return answer


async def report(test: int, http: httpx.AsyncClient, claim: str, headers: dict[str, str]) -> httpx.Response:
    """Report the result of the run's test."""
    return await http.post(f"{API}/claims/{claim}/results", json={"results": [result_of(test)]}, headers=headers)


def result_of(test: int) -> dict[str, Any]:
    """A test whose program printed something and ended."""
    return {"regression_id": test, "ending": {"exit_code": 0, "runtime_ms": 5, "equal_outputs": []}, "error": None, "log": PRINTED}


async def send_log(http: httpx.AsyncClient, claim: str, headers: dict[str, str]) -> httpx.Response:
    """Send the beginning of the run's log."""
    return await http.put(f"{API}/claims/{claim}/log?start=0", content=b"x" * 4096, headers=headers | BYTES)


async def reported(server: Server, machines: int, tests: list[int]) -> str:
    """Let all machines claim a run and report of it, and look at the server for a minute once they know how often to."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", limits=CONNECTIONS, timeout=60, trust_env=False) as http:
        busy = [Busy(http, number, tests) for number in range(machines)]
        working = []
        for each in busy:
            # Those who came first keep their claims while the others come.
            await each.claim()
            working += [asyncio.create_task(work) for work in (each.renew(), each.report())]
        await asyncio.sleep(SETTLED)
        before, sent = server.cpu_seconds, sum(each.sent for each in busy)
        await asyncio.sleep(MEASURED)
        cores, sent = (server.cpu_seconds - before) / MEASURED, sum(each.sent for each in busy) - sent
        for task in working:
            if task.done():
                task.result()
            task.cancel()
    return f"{sent / MEASURED:.0f} | {busy[0].pause:.1f} | {cores:.2f} |"


class Busy:
    """A machine that executes a run: a test every four seconds, of which each adds some lines to the log."""

    def __init__(self, http: httpx.AsyncClient, number: int, tests: list[int]) -> None:
        self._http, self._number, self._tests = http, number, tests
        self._headers, self._claim, self._log, self._done = {"Authorization": f"Bearer {token_of(number)}"}, "", 0, 0
        self.sent, self.pause = 0, 0.0

    async def claim(self) -> None:
        """Claim a run, and renew it once."""
        body = {"session": str(uuid4()), "holding": [], "wait": 0}
        answer = await self._http.post(f"{API}/claims", json=body, headers=self._headers)
        self._claim = answer.raise_for_status().json()["work"]["claim"]
        await self._renew()

    async def renew(self) -> None:
        """Keep the claim, each sixth of a lease at most, as `api/commands/machine.py` has it."""
        await asyncio.sleep(RENEWED * random())
        while True:
            await self._renew()
            await asyncio.sleep(max(RENEWED, self.pause))

    async def report(self) -> None:
        """Send results and log, every two seconds at most, as `api/worker/reporter.py` has it."""
        begun = time.monotonic() - TEST_SECONDS * random()
        await asyncio.sleep(REPORTED * random())
        while True:
            ended = int((time.monotonic() - begun) / TEST_SECONDS)
            if ended > self._done:
                await self._send_results(range(self._done, ended))
                await self._send_log(LOG_BYTES * (ended - self._done))
                self._done = ended
            await asyncio.sleep(max(REPORTED, self.pause))

    async def _renew(self) -> None:
        answer = await renew(self._http, self._claim, self._headers)
        self.pause = answer.json()["report_seconds"]
        self.sent += 1

    async def _send_results(self, numbers: range) -> None:
        results = [result_of(self._tests[number % len(self._tests)]) for number in numbers]
        answer = await self._http.post(f"{API}/claims/{self._claim}/results", json={"results": results}, headers=self._headers)
        answer.raise_for_status()
        self.sent += 1

    async def _send_log(self, size: int) -> None:
        answer = await self._http.put(
            f"{API}/claims/{self._claim}/log", params={"start": self._log}, content=b"x" * size, headers=self._headers | BYTES)
        self._log = answer.raise_for_status().json()["size"]
        self.sent += 1


if __name__ == "__main__":
    main()
