"""Machines: what they may take, the tokens by which the server knows them, and the names of their claims."""
from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from api.domain.errors import NotFound
from api.domain.runs.run import Platform
from api.domain.runs.worker_message import MAX_INTEGER

TOKEN_PREFIX = "spcm_"
NAME = re.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
SECRET_BYTES = 32
T = TypeVar("T")
# Whether a machine still waits for what is being claimed for it; from any thread.
IsThere = Callable[[], bool]
_RUN = re.compile("run-([1-9][0-9]{0,9})-([1-9][0-9]{0,8})")
_JOB = re.compile("job-([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})-([1-9][0-9]{0,8})")


class WorkKind(StrEnum):
    """What a machine executes."""

    RUN = "run"
    JOB = "job"


class ClaimState(StrEnum):
    """Whether a machine may go on with what it has claimed. `cancelled`: somebody asked for the job to be ended, which the machine does."""

    HELD = "held"
    CANCELLED = "cancelled"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine that may take work of these kinds; runs are those of its platform. `seen_at` is None before its first request.

    `has_unused_token`: it was issued another token, and still uses the one before.
    """

    name: str
    kinds: tuple[WorkKind, ...]
    platform: Platform
    created_at: datetime
    seen_at: datetime | None = None
    has_unused_token: bool = False


@dataclass(frozen=True, slots=True)
class BusyMachine:
    """A machine, and the runs and jobs that it executes."""

    machine: Machine
    run_ids: Sequence[int] = ()
    job_ids: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class RunClaim:
    """A run in a machine's hands. The fence tells this claim from those of the run before and after it."""

    run_id: int
    fence: int

    def __str__(self) -> str:
        return f"run-{self.run_id}-{self.fence}"


@dataclass(frozen=True, slots=True)
class JobClaim:
    """A job in a machine's hands, and the fence of its claim."""

    job_id: str
    fence: int

    def __str__(self) -> str:
        return f"job-{self.job_id}-{self.fence}"


class MachineLeft(Exception):
    """A machine has hung up, so that it would not hear of what was claimed for it."""


class MachineRemoved(Exception):
    """A machine that waits was removed, so that it may have nothing any more."""


def report_pause(claims: int, per_second: int, lease: float) -> float:
    """How many seconds machines wait between two reports of one kind, so that all that is claimed makes `per_second` of each kind.

    It is never more than a quarter of the lease, so that renewals come in time.
    """
    return min(claims / per_second, lease / 4)


def always() -> bool:
    """For a machine that hears of its claim whatever happens."""
    return True


def present(claimed: T, is_there: IsThere) -> T:
    """What was claimed. Raises MachineLeft where its machine is not there any more."""
    if claimed is not None and not is_there():
        raise MachineLeft
    return claimed


def find_claim(name: str) -> RunClaim | JobClaim | None:
    """The claim of this name; None for what is no such name."""
    run, job = _RUN.fullmatch(name), _JOB.fullmatch(name)
    if run is not None and int(run.group(1)) <= MAX_INTEGER:
        return RunClaim(int(run.group(1)), int(run.group(2)))
    return None if job is None else JobClaim(job.group(1), int(job.group(2)))


def parse_claim(name: str) -> RunClaim | JobClaim:
    """The claim of this name. Raises NotFound for what is no such name."""
    claim = find_claim(name)
    if claim is None:
        raise unknown_claim(name)
    return claim


def parse_run_claim(name: str) -> RunClaim:
    """The claim of this name, on a run. Raises NotFound for any other."""
    claim = find_claim(name)
    if isinstance(claim, RunClaim):
        return claim
    raise unknown_claim(name)


def parse_job_claim(name: str) -> JobClaim:
    """The claim of this name, on a job. Raises NotFound for any other."""
    claim = find_claim(name)
    if isinstance(claim, JobClaim):
        return claim
    raise unknown_claim(name)


def unknown_claim(name: str) -> NotFound:
    """The refusal of a claim that is none, or not the machine's."""
    return NotFound("claim", name, remedy="A claim's name comes with the work that was claimed; one that was lost is another's by now.")


def machine_token(secret: bytes) -> str:
    """A machine's token, from 32 random bytes."""
    return TOKEN_PREFIX + base64.urlsafe_b64encode(secret).decode().rstrip("=")
