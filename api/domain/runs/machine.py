"""Machines: what they may take, the tokens by which the server knows them, and the names of their claims."""
from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from api.domain.errors import NotFound
from api.domain.runs.run import Platform
from api.domain.runs.worker_message import MAX_INTEGER

TOKEN_PREFIX = "spcm_"
SECRET_BYTES = 32
_CLAIM = re.compile("run-([1-9][0-9]{0,9})-([1-9][0-9]{0,8})")



class WorkKind(StrEnum):
    """What a machine executes."""

    RUN = "run"
    JOB = "job"


class ClaimState(StrEnum):
    """Whether a machine may go on with what it has claimed."""

    HELD = "held"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine that may take work of these kinds; runs are those of its platform. `seen_at` is None before its first request."""

    name: str
    kinds: tuple[WorkKind, ...]
    platform: Platform
    created_at: datetime
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RunClaim:
    """A run in a machine's hands. The fence tells this claim from those of the run before and after it."""

    run_id: int
    fence: int

    def __str__(self) -> str:
        return f"run-{self.run_id}-{self.fence}"


def find_claim(name: str) -> RunClaim | None:
    """The claim of this name; None for what is no such name."""
    found = _CLAIM.fullmatch(name)
    if found is None or int(found.group(1)) > MAX_INTEGER:
        return None
    return RunClaim(int(found.group(1)), int(found.group(2)))


def parse_claim(name: str) -> RunClaim:
    """The claim of this name. Raises NotFound for what is no such name."""
    found = find_claim(name)
    if found is None:
        raise NotFound("claim", name, remedy="A claim's name comes with the work that was claimed.")
    return found


def machine_token(secret: bytes) -> str:
    """A machine's token, from 32 random bytes."""
    return TOKEN_PREFIX + base64.urlsafe_b64encode(secret).decode().rstrip("=")
