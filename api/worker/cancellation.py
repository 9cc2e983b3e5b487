"""Cancellation of a worker's work from another thread, and the renewal of its lease."""
from __future__ import annotations

import threading
import time
from collections.abc import Callable
from enum import StrEnum
from types import TracebackType

from api.supervision.supervision import Supervision, never
from api.worker.run_source import Claimed, RunSource, RunSourceUnavailable


class Reason(StrEnum):
    """What stops a run that is being executed."""

    RUN_OVER = "the run is over or belongs to another worker"
    WORKER_STOPPED = "the worker was stopped"
    LEASE_LOST = "the lease could not be renewed"


class Cancelled(Exception):
    """Work was left because of `reason`."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(str(reason))
        self.reason = reason


class Cancellation:
    """A reason to stop, given once; the first one stands. `worker_stops` is shared by all runs of a worker."""

    def __init__(self, worker_stops: threading.Event) -> None:
        self._worker_stops = worker_stops
        self._reason: Reason | None = None

    @property
    def reason(self) -> Reason | None:
        """The reason, or None while work goes on."""
        return self._reason or (Reason.WORKER_STOPPED if self._worker_stops.is_set() else None)

    def give(self, reason: Reason) -> None:
        """Stop, for this reason unless there is one already."""
        self._reason = self._reason or reason

    def __call__(self) -> bool:
        """Whether there is a reason."""
        return self.reason is not None

    def check(self) -> None:
        """Raise Cancelled if there is a reason to stop."""
        if self.reason is not None:
            raise Cancelled(self.reason)


class LeaseKeeper:
    """Renews a claim in the background while it is entered, and gives a halt when that fails for good.

    Where that fails in any way it is tried again for `timeout` seconds, which must be less than the lease's length.
    """

    def __init__(self, run_source: RunSource, claimed: Claimed, cancellation: Cancellation, *, every: float, timeout: float) -> None:
        self._run_source, self._claimed, self._cancellation = run_source, claimed, cancellation
        self._every, self._timeout = every, timeout
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lease-{claimed.run_id}", daemon=True)

    def __enter__(self) -> LeaseKeeper:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()

    def _keep(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        supervision = Supervision(f"lease of run {self._claimed.run_id}", is_outage=_is_outage)
        renewed = monotonic()
        while not self._done.wait(self._every):
            with supervision.attempt(is_exit=never):
                if not self._run_source.renew(self._claimed):
                    self._cancellation.give(Reason.RUN_OVER)
                    return
                renewed = monotonic()
            # Nobody else would ever stop a run whose lease has ended.
            if monotonic() - renewed > self._timeout:
                self._cancellation.give(Reason.LEASE_LOST)
                return


def _is_outage(raised: BaseException) -> bool:
    return isinstance(raised, RunSourceUnavailable)
