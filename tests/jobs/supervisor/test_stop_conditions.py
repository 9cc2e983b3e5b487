"""The lease of an attempt: how long it holds, and that it is looked at again when its time has come."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.domain.jobs.job import JobReason
from api.jobs.files import AttemptFiles, JobFiles
from api.jobs.supervisor.attempt_log import AttemptLog
from api.jobs.supervisor.stop_conditions import Lease, StepWatch
from api.sandbox.limits import Limits
from api.sandbox.sandbox import ExitStatus

BEGIN = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Clock:
    """A clock that stands where a test puts it."""

    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def files(tmp_path: Path) -> AttemptFiles:
    """An attempt whose lease ends after 10 seconds."""
    made = JobFiles(tmp_path).attempt("550e8400-e29b-41d4-a716-446655440000", 1, 1)
    made.prepare({}, BEGIN + 10 * SECOND)
    return made


@pytest.mark.parametrize(("seconds", "passed"), [(0, False), (9, False), (10, True), (11, True)])
def test_a_lease_holds_until_its_time_has_come(files: AttemptFiles, seconds: int, passed: bool) -> None:
    clock = Clock()
    lease = Lease(files, clock)

    clock.now += seconds * SECOND

    assert lease.has_passed() is passed


def test_a_lease_that_was_renewed_goes_on(files: AttemptFiles) -> None:
    clock = Clock()
    lease = Lease(files, clock)
    files.renew(BEGIN + 20 * SECOND)

    clock.now += 15 * SECOND
    held = not lease.has_passed()
    clock.now += 5 * SECOND

    assert held
    assert lease.has_passed()


def test_a_lease_that_has_passed_and_is_renewed_later_holds_again(files: AttemptFiles) -> None:
    clock = Clock()
    lease = Lease(files, clock)
    clock.now += 10 * SECOND
    passed = lease.has_passed()

    files.renew(BEGIN + 20 * SECOND)

    assert passed
    assert not lease.has_passed()


@dataclass
class Placed:
    """A command that a cluster places when a test says so."""

    age: float | None = None
    output: int = -1
    errors: int | None = None
    input: int | None = None
    ended: int = -1

    def poll(self) -> ExitStatus | None:
        """It runs."""
        return None

    def is_out_of_memory(self) -> bool:
        """Never."""
        return False

    is_out_of_processes = is_out_of_memory

    def terminate(self) -> None:
        """See SandboxProcess."""

    kill = close = terminate


@pytest.mark.parametrize(("age", "left"), [(0.0, 60), (25.0, 35)])
def test_the_time_limit_begins_with_the_command_however_long_that_had_to_wait(files: AttemptFiles, age: float, left: int) -> None:
    now, process = [0.0], Placed()
    watch = StepWatch(
        files, Lease(files, Clock()), Limits(seconds=60), AttemptLog(files.log), process, [], monotonic=lambda: now[0])

    now[0] = 1000.0
    waiting = watch.check()
    process.age = age
    found = []
    for passed in (0, left - 1, left):
        now[0] = 1000.0 + passed
        found.append(watch.check())

    assert waiting is None
    assert [None if each is None else each.reason for each in found] == [None, None, JobReason.TIMEOUT]
