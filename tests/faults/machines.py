"""Machines in networks of their own, and what they did, of a server that they know by its address alone."""
from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from api.domain.auth.token import token_digest
from api.domain.runs.claimed_run import Ending, RunEnd, RunOutcome, RunProgress, TestResult
from api.domain.runs.machine import Machine, WorkKind, machine_token
from api.domain.runs.run import Phase, Platform
from api.machine.file_cache import FileCache
from api.machine.machine_client import MachineClient, http_client
from api.machine.server_source import ServerRunSource
from api.storage.database import transact
from api.storage.files.paths import test_log_name
from api.storage.runs.machines import add_machine
from api.worker.patience import Retries
from api.worker.run_source import ClaimedRun, RunClosed
from tests.builders import MAIN_REPOSITORY
from tests.databases import opened
from tests.e2e.installation import CAPTIONS, COMMIT, Installation
from tests.e2e.processes import Running, eventually
from tests.faults.network import Condition, Link, linked
from tests.parts import need

# Says which machine has begun it, waits for as long as that is held, prints, and does what is expected of it.
PROGRAM = """#!/bin/sh
machine=${{HOME#*/work-}}
machine=${{machine%%/*}}
echo "$machine $1" >>"{folder}/begun"
while [ $# -gt 1 ]; do
    if [ "$1" = -o ]; then output=$2; fi
    shift
done
while [ -e "{folder}/held-$machine" ]; do sleep 0.05; done
seq {lines}
printf '{captions}' >"$output"
"""
# A clock of a host that is wrong: what a process is told differs by CLOCK_OFF seconds.
WRONG_CLOCK = """
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long off(void) { return atol(getenv("CLOCK_OFF")); }

int clock_gettime(clockid_t clock, struct timespec *now) {
    long status = syscall(SYS_clock_gettime, clock, now);
    if (status == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += off();
    return (int) status;
}

time_t time(time_t *kept) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (kept) *kept = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    (void) zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}
"""


@dataclass(frozen=True)
class NetworkedMachine:
    """A machine's process, and its network."""

    name: str
    running: Running
    link: Link

    @property
    def programs(self) -> list[int]:
        """The processes that it has started."""
        return self.running.family()[1:]

    def kill_program(self) -> None:
        """End the program that it executes, and that alone."""
        [pid] = [pid for pid in self.programs if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"/bin/sh\0")]
        os.kill(pid, signal.SIGKILL)

    def await_left(self, run_id: int) -> None:
        """Wait until it has told the server that it has left a run, or why."""
        ends = f"run {run_id}: left", f"run {run_id}: ["
        eventually(lambda: any(end in self.running.output() for end in ends), f"the end of the run at {self.name}")


@dataclass(frozen=True)
class Plant:
    """An installation whose machines have networks of their own."""

    installation: Installation

    @property
    def folder(self) -> Path:
        """Where everything of it lies."""
        return self.installation.folder

    def install(self, lines: int) -> None:
        """Put the program that machines execute into its place; it prints so many lines."""
        program = self.folder / "executables" / MAIN_REPOSITORY / "linux" / COMMIT / "ccextractor"
        program.write_text(PROGRAM.format(folder=self.folder, lines=lines, captions=CAPTIONS.decode().replace("\n", r"\n")))

    @contextmanager
    def machine(self, name: str, *arguments: str, condition: Condition | None = None, clock_off: int = 0) -> Iterator[NetworkedMachine]:
        """A machine, whose clock may be wrong by so many seconds."""
        changes = {"LD_PRELOAD": str(self._wrong_clock()), "CLOCK_OFF": str(clock_off)} if clock_off else {}
        with linked(condition) as link, self.installation.worker(
            name, *arguments, changes=changes, inside=link.inside, host=link.server,
        ) as running:
            yield NetworkedMachine(name, running, link)
            running.kill()
            # Else the server would give the next run to a machine that it believes to be waiting.
            link.condition.loss = 0
            link.heal()
            eventually(lambda: not link.is_connected(), "the end of the machine's connections")

    def _wrong_clock(self) -> Path:
        made = self.folder / "wrong_clock.so"
        if not made.exists():
            subprocess.run([need("cc"), "-shared", "-fPIC", "-o", made, "-x", "c", "-"], input=WRONG_CLOCK.encode(), check=True)
        return made

    def hold(self, *names: str) -> None:
        """Make the programs of machines wait, once they have begun."""
        for name in names:
            (self.folder / f"held-{name}").touch()

    def release(self, *names: str) -> None:
        """Let them go on."""
        for name in names:
            (self.folder / f"held-{name}").unlink()

    def begun(self, name: str) -> int:
        """How many programs a machine has begun."""
        path = self.folder / "begun"
        return sum(line.split()[0] == name for line in path.read_text().splitlines()) if path.exists() else 0

    def await_begun(self, *names: str) -> None:
        """Wait until each of these machines has begun a program."""
        eventually(lambda: all(map(self.begun, names)), f"programs of {', '.join(names)}")

    def takers(self, run_id: int) -> list[str]:
        """The machines that took a run."""
        said = "Taken by worker "
        return [message.removeprefix(said) for message in self.installation.api.messages(run_id) if message.startswith(said)]

    def run_of(self, name: str, run_ids: list[int]) -> int:
        """The one of these runs that a machine took."""
        [found] = [run_id for run_id in run_ids if self.takers(run_id) == [name]]
        return found

    def runs(self) -> dict[int, dict[str, Any]]:
        """All runs, by their ids."""
        return {run["run_id"]: run for run in self.installation.api.get("/runs", params={"limit": 100})["data"]}

    def told(self, run_id: int) -> tuple[Any, ...]:
        """All that the server tells of a run that is over."""
        api = self.installation.api
        samples = api.get(f"/runs/{run_id}/samples", params={"limit": 100})["data"]
        return api.get(f"/runs/{run_id}"), api.get(f"/runs/{run_id}/summary"), api.messages(run_id), samples, self.logs(run_id)

    def results(self, run_id: int) -> list[tuple[int, str, int | None]]:
        """The regression tests of a run, how each ended, and with which exit code."""
        found = self.installation.api.get(f"/runs/{run_id}/samples", params={"limit": 100})["data"]
        return sorted((each["regression_id"], each["status"], each["exit_code"]) for each in found)

    def report_late(self, name: str, run_id: int) -> None:
        """Report what a machine that has lost a run may have had on its way; see that nothing of it is taken."""
        claimed = ClaimedRun(run_id, f"run-{run_id}-1", "linux", MAIN_REPOSITORY, COMMIT)
        with http_client() as http:
            client = MachineClient(http, self.installation.url, self.folder / f"{name}.token")
            run_source = ServerRunSource(client, FileCache(self.folder / "late", 1), threading.Event(), Retries())
            with pytest.raises(RunClosed):
                run_source.report_progress(claimed, RunProgress(Phase.TESTING, "late"))
            with pytest.raises(RunClosed):
                run_source.report_results(claimed, [TestResult(1, Ending(0, 1, (1,)))])
            run_source.end(claimed, RunEnd(RunOutcome.COMPLETED))

    def logs(self, run_id: int) -> list[bytes]:
        """The logs of a run's tests, in their order."""
        folder = (self.installation.files / test_log_name(run_id, 1)).parent
        return [path.read_bytes() for path in sorted(folder.glob("*.txt"))]


def planted(
    database_url: str, folder: Path, *names: str, tests: int = 1, sample: bytes = b"a sample", lines: int = 3, **settings: str,
) -> Plant:
    """A filled plant with these machines, without processes yet; its program prints so many lines."""
    made = Plant(Installation(folder, database_url, changes=settings))
    made.installation.fill(tests, sample)
    made.install(lines)
    with opened(database_url, migrated=False):
        for name in names:
            token = machine_token(sha256(name.encode()).digest())
            transact(partial(add_machine, Machine(name, (WorkKind.RUN,), Platform.LINUX, datetime.now(UTC)), token_digest(token)))
            (folder / f"{name}.token").write_text(f"{token}\n")
    return made
