"""Settings of a worker."""
from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from api.worker.patience import Retries
from api.worker.programs.command import SandboxPaths
from api.worker.programs.execution import Limits
from api.worker.sources.source import Source


@dataclass(frozen=True)
class WorkerOptions:
    """A worker's settings; all spans are in seconds.

    `sandboxed` says that programs are run in a sandbox; `trusted` allows executing without one, and nothing else does.
    `places` are what programs see in the sandbox; on a bare host they see the host.
    `temporary` is the folder of runs; `sources` are asked for executables in this order.
    `lease_timeout`, after which a worker stops what it could not renew, must be less than a lease's length.
    `stop_timeout` bounds how long a worker that is told to stop may take to say so to its server.
    `run_seconds` is how long a whole run may take.
    """

    name: str
    temporary: Path
    trusted: bool = False
    sandboxed: bool = False
    sources: tuple[Source, ...] = ()
    limits: Limits = field(default_factory=Limits)
    retries: Retries = field(default_factory=Retries)
    ffmpeg: Path | None = None
    places: SandboxPaths | None = None
    poll_seconds: float = 2
    renew_seconds: float = 5
    lease_timeout: float = 45
    stop_timeout: float = 10
    run_seconds: float = math.inf
