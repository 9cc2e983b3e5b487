"""A hundred jobs at once, each the tests of a small real project: whether all are right, how long they take, and what limited them.

    python -m benchmarks.suites [--jobs 100] [--slots 4] [PROJECT…]

Takes the projects, from `projects.txt`, from the package index, as `benchmarks.projects` does. Each runs once alone first, which fills the
cache of packages and tells what is right. Needs root and bubblewrap, as a machine does that gives each slot a user of its own.
"""
from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from api.domain.auth.access import Role
from benchmarks.jobs import Submitter, machine, submitting
from benchmarks.projects import LIST, fetch, zipped
from benchmarks.seeding import database_in
from benchmarks.servers import OURS, running
from tests.builders import add_token, add_user

SMALL = ("blinker", "iniconfig", "itsdangerous", "cssselect")
PAUSE = 0.5
KINDS = ("cpu", "io", "memory")
FACTS = ("status", "success", "reason", "exit_code", "tests", "failed_tests", "attempt")


def project(name: str, folder: Path) -> bytes:
    """The zip of a project of the list."""
    requirement = next(line for line in LIST.read_text().splitlines() if line.partition("==")[0] == name)
    place = folder / name
    place.mkdir()
    return zipped(fetch(requirement, place), place / "project.zip").read_bytes()


@dataclass
class Machine:
    """What the machine waited for meanwhile: shares of the time in which something was held up, and the least free memory, in MB."""

    held_up: dict[str, float] = field(default_factory=dict)
    busy: float = 0
    least_free: float = float("inf")
    load: float = 0


@contextmanager
def watched() -> Iterator[Machine]:
    """Watch the machine for as long as the context lasts."""
    found, ended = Machine(), threading.Event()

    def look() -> None:
        while not ended.wait(PAUSE):
            free = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemAvailable"))
            found.least_free = min(found.least_free, int(free.split()[1]) / 1024)
            found.load = max(found.load, os.getloadavg()[0])

    thread = threading.Thread(target=look)
    thread.start()
    begun, pressure, idle = time.monotonic(), _pressure(), _idle_seconds()
    try:
        yield found
    finally:
        seconds = time.monotonic() - begun
        found.held_up = {kind: (after - pressure[kind]) / seconds for kind, after in _pressure().items()}
        found.busy = 1 - (_idle_seconds() - idle) / seconds / (os.cpu_count() or 1)
        ended.set()
        thread.join()


def _pressure() -> dict[str, float]:
    """Seconds in which some process waited for each of the kinds."""
    texts = {kind: Path("/proc/pressure", kind).read_text() for kind in KINDS}
    return {kind: int(text.split("total=")[1].split()[0]) / 1e6 for kind, text in texts.items()}


def _idle_seconds() -> float:
    return sum(map(int, Path("/proc/stat").read_text().split()[4:6])) / os.sysconf("SC_CLK_TCK")


def over(ours: Submitter, job_ids: Sequence[str]) -> list[dict[str, Any]]:
    """The jobs, once all are over."""
    ended: dict[str, dict[str, Any]] = {}
    while len(ended) < len(job_ids):
        for job_id in job_ids:
            if job_id not in ended:
                job = ours.client.get(f"/jobs/{job_id}").json()
                if job["status"] in ("queued", "running"):
                    break
                ended[job_id] = job
        time.sleep(PAUSE)
    return [ended[job_id] for job_id in job_ids]


def _seconds(job: Mapping[str, Any], first: str, second: str) -> float:
    return (datetime.fromisoformat(job[second]) - datetime.fromisoformat(job[first])).total_seconds()


def measure(ours: Submitter, contents: Mapping[str, bytes], count: int, slots: int) -> None:
    """Run each project alone, then all jobs at once; print the table."""
    right = {}
    for name, content in contents.items():
        (job,) = over(ours, [ours(content)[0]])
        if not job["tests"]:
            raise SystemExit(f"{name} cannot be run: {job}; {ours.client.get('/jobs/' + job['job_id'] + '/logs').text[-2000:]}")
        right[name] = {fact: job[fact] for fact in FACTS}
    names = [list(contents)[number % len(contents)] for number in range(count)]
    with watched() as machine, ThreadPoolExecutor(8) as threads:
        begun = time.monotonic()
        job_ids = [job_id for job_id, _ in threads.map(lambda name: ours(contents[name]), names)]
        submitted = time.monotonic() - begun
        jobs = over(ours, job_ids)
        took = time.monotonic() - begun
    wrong = [(name, job) for name, job in zip(names, jobs, strict=True) if {fact: job[fact] for fact in FACTS} != right[name]]
    waited, ran = ([_seconds(job, *moments) for job in jobs] for moments in (("created_at", "start_time"), ("start_time", "end_time")))
    tests = {name: f"{facts['tests']} tests, {facts['failed_tests']} failed" for name, facts in right.items()}
    print(f"Projects: {'; '.join(f'{name}: {told}' for name, told in tests.items())}")
    print(f"| {count} jobs at once, {slots} slots, {os.cpu_count()} processors | figure |\n|---|---|")
    print(f"| with the outcome that their project has alone | {count - len(wrong)} of {count} |")
    print(f"| tests run | {sum(job['tests'] or 0 for job in jobs):,} |")
    print(f"| all submitted after, all over after | {submitted:.1f} s, {took:.0f} s: {count / took * 60:.0f} jobs a minute |")
    print(f"| a job waited, median (most) | {median(waited):.0f} s ({max(waited):.0f}) |")
    print(f"| a job ran, median (least … most) | {median(ran):.1f} s ({min(ran):.1f} … {max(ran):.1f}) |")
    print(f"| processors busy, greatest load | {machine.busy:.0%}, {machine.load:.0f} |")
    for kind, share in sorted(machine.held_up.items(), key=lambda item: -item[1]):
        print(f"| of the time, something waited for {kind} | {share:.0%} |")
    print(f"| least free memory | {machine.least_free:,.0f} MB |")
    for name, job in wrong:
        print(f"wrong: {name}: {job}")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=SMALL, help="the projects")
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--slots", type=int, default=4)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ci-benchmarks-", dir="/var/tmp") as name, database_in(Path(name)) as environment:
        folder = Path(name)
        contents = {each: project(each, folder) for each in chosen.names}
        token = add_token(add_user("submitter", role=Role.ADMIN), now=datetime.now(UTC))
        environment |= {
            "CI_JOBS": "separate", "CI_WORK_DIR": str(folder / "work"), "CI_SANDBOX": "bubblewrap", "CI_JOB_INSTALL_NETWORK": "true",
            "CI_JOB_SLOTS": str(chosen.slots), "CI_JOBS_PER_USER": str(chosen.slots), "CI_QUEUED_JOBS_PER_USER": "100000"}
        with running(OURS, "/api/v1/system/health", environment) as server, submitting(server.port, token) as ours:
            with machine(environment, server.port, folder):
                measure(ours, contents, chosen.jobs, chosen.slots)


if __name__ == "__main__":
    main()
