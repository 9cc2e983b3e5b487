"""Cancellation of a worker's work from another thread, and the renewal of its lease."""
from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from types import TracebackType

from api.supervision.supervision import Supervision, never
from api.worker.run_source import ClaimedRun, RunSource, RunSourceUnavailable

PAUSE_STEP = 0.05


class CancelReason(StrEnum):
    """Why a run is cancelled while it is executed."""

    RUN_CLOSED = "the run is over or belongs to another worker"
    WORKER_STOPPED = "the worker was stopped"
    LEASE_LOST = "the lease could not be renewed"
    TIME_LIMIT = "the run takes longer than a run may"


class Cancelled(Exception):
    """The work was cancelled for `reason`."""

    def __init__(self, reason: CancelReason) -> None:
        super().__init__(str(reason))
        self.reason = reason


class Cancellation:
    """A cancellation token; the first reason stands.

    `worker_stops` is shared by all runs of a worker; the work may take `seconds`. What is executed is stopped when the lease has not
    been prolonged in time. Whoever only waits for the server waits on: `await_lease` tells whether the run is still the machine's.
    """

    def __init__(
        self, worker_stops: threading.Event, seconds: float = math.inf, *, monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._worker_stops, self._monotonic, self._end = worker_stops, monotonic, monotonic() + seconds
        self._lease_end = math.inf
        self._reason: CancelReason | None = None

    @property
    def reason(self) -> CancelReason | None:
        """The reason, or None while the work goes on."""
        reason = self._reason_but_lease()
        # Looked at by whoever works, since a renewal may itself be held up, on the network or with the whole process.
        if reason is None and self._is_in_doubt:
            reason = self._reason = CancelReason.LEASE_LOST
        return reason

    @property
    def decided(self) -> CancelReason | None:
        """The reason that was given, or that somebody saw, so far."""
        return self._reason

    def _reason_but_lease(self) -> CancelReason | None:
        if self._reason is None and self._worker_stops.is_set():
            return CancelReason.WORKER_STOPPED
        if self._reason is None and self._monotonic() >= self._end:
            self._reason = CancelReason.TIME_LIMIT
        return self._reason

    @property
    def _is_in_doubt(self) -> bool:
        """Whether the lease was not prolonged in time."""
        return self._monotonic() >= self._lease_end

    def prolong(self, end: float) -> None:
        """Let the lease end at this time of the clock."""
        self._lease_end = end

    def cancel(self, reason: CancelReason) -> None:
        """Cancel for this reason, unless cancelled already."""
        self._reason = self._reason or reason

    def __call__(self) -> bool:
        """Whether the work is cancelled."""
        return self.reason is not None

    def check(self) -> None:
        """Raise Cancelled if the work is cancelled."""
        _raise_for(self.reason)

    def pause(self, seconds: float) -> None:
        """Wait for the server, while nothing is executed. Raise Cancelled as soon as the work is cancelled, but for its lease."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.check_waiting()
            time.sleep(min(PAUSE_STEP, left))
        self.check_waiting()

    def check_waiting(self) -> None:
        """`check`, for who only waits for the server."""
        _raise_for(self._reason_but_lease())

    def await_lease(self, seconds: float) -> None:
        """Wait until the lease is prolonged, if that was not done in time. Raise Cancelled if the work is cancelled, or this takes longer.

        Call it before something is executed.
        """
        until = time.monotonic() + seconds
        while self._is_in_doubt and time.monotonic() < until:
            self.check_waiting()
            time.sleep(PAUSE_STEP)
        self.check()


def _raise_for(reason: CancelReason | None) -> None:
    if reason is not None:
        raise Cancelled(reason)


class LeaseRenewer:
    """Renews a lease in a thread while the context lasts, and cancels the work when the lease is lost.

    What is executed may go on for `timeout` seconds after the last renewal was begun, which must be less than the lease's length.
    """

    def __init__(
        self, run_source: RunSource, claimed: ClaimedRun, cancellation: Cancellation, *, interval: float, timeout: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic = monotonic
        self._run_source, self._claimed, self._cancellation = run_source, claimed, cancellation
        self._interval, self._timeout = interval, timeout
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._renew_until_done, name=f"lease-{claimed.run_id}", daemon=True)

    def __enter__(self) -> LeaseRenewer:
        self._cancellation.prolong(self._monotonic() + self._timeout)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()

    @property
    def _pause(self) -> float:
        return max(self._interval, self._run_source.report_seconds)

    def _renew_until_done(self) -> None:
        supervision = Supervision(f"lease of run {self._claimed.run_id}", is_outage=_is_outage)
        while self._cancellation.decided is not CancelReason.LEASE_LOST and not self._done.wait(self._pause):
            with supervision.attempt(is_exit=never):
                # The server counts from a later moment.
                begun = self._monotonic()
                if not self._run_source.renew(self._claimed):
                    self._cancellation.cancel(CancelReason.RUN_CLOSED)
                    return
                self._cancellation.prolong(begun + self._timeout)


def _is_outage(raised: BaseException) -> bool:
    return isinstance(raised, RunSourceUnavailable)
