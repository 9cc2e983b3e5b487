"""How requests are repeated that the server does not take now."""
from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from api.domain.errors import StoreFull
from api.domain.runs.infrastructure_code import InfrastructureCode
from api.worker.run_error import RunError, WorkerLost
from api.worker.run_source import Pause, RunSourceUnavailable

log = logging.getLogger(__name__)

T = TypeVar("T")


class ServerUnreachable(WorkerLost):
    """The server accepted no report until the timeout."""

    def __init__(self) -> None:
        super().__init__(InfrastructureCode.SERVER_UNREACHABLE, "The server took no reports of the worker for too long.")


class ServerDiskFull(RunError):
    """The server's disk is full, and stayed full until the timeout."""

    def __init__(self) -> None:
        super().__init__(InfrastructureCode.SERVER_DISK_FULL, f"{StoreFull.MESSAGE} What the worker sent could not be stored.")


@dataclass(frozen=True)
class Retries:
    """How a request is repeated: for `timeout` seconds in all, after pauses that double from `first_pause` to `max_pause` seconds.

    A server that sends Retry-After is available: the wait that it asks for counts against `deferral` seconds in all instead, and is
    cut to `timeout` seconds.
    """

    timeout: float = 600
    first_pause: float = 0.5
    max_pause: float = 30
    deferral: float = 3600


@dataclass(frozen=True)
class Patience:
    """Repeats requests. `pause` waits between repeats and may raise to stop them."""

    retries: Retries
    pause: Pause
    monotonic: Callable[[], float] = time.monotonic
    random_fraction: Callable[[], float] = random.random

    def ask(self, request: Callable[[], T]) -> T:
        """What the server answers. Raises ServerUnreachable, or ServerDiskFull, once that takes too long, and what the request raises."""
        begun, pause, deferred = self.monotonic(), self.retries.first_pause, 0.0
        while True:
            try:
                return request()
            except RunSourceUnavailable as away:
                wait = self._wait(away.retry_after, pause)
                if away.retry_after is not None and not away.is_full and deferred + wait <= self.retries.deferral:
                    deferred += wait
                if self.monotonic() - begun + wait - deferred > self.retries.timeout:
                    raise (ServerDiskFull if away.is_full else ServerUnreachable)() from away
                log.warning("not taken (%s); again in %.1f s", away, wait)
            self.pause(wait)
            pause = min(pause * 2, self.retries.max_pause)

    def _wait(self, asked: float | None, pause: float) -> float:
        if asked is not None:
            return min(max(asked, self.retries.first_pause), self.retries.timeout)
        # Workers that lost the server at the same moment must not all retry at the same moment.
        return pause * (0.5 + self.random_fraction() / 2)
