"""The probes behind the health answer: side by side, each with a time limit, and remembered for a moment."""
from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate

from api.domain.health import Dependency

Probe = Callable[[], str | None]


class HealthProbes:
    """Asks every configured dependency how it is.

    A probe returns None, or says in a few words what is degraded; one that raises, or takes longer than `timeout` seconds,
    is down. Answers are kept for `remember` seconds, so that probing cannot be used to load what is probed, and a probe
    that hangs is not started a second time.
    """

    def __init__(
        self, probes: Mapping[str, Probe], *, vital: frozenset[str], timeout: float = 2.0, remember: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._probes, self._vital, self._timeout, self._remember, self._clock = dict(probes), vital, timeout, remember, clock
        self._pool = ThreadPoolExecutor(max(1, len(probes)), "health")
        self._running: dict[str, Future[str | None]] = {}
        self._lock = threading.Lock()
        self._last: tuple[float, tuple[Dependency, ...]] | None = None

    def probe(self, *, limits_degraded: bool) -> tuple[Dependency, ...]:
        """The state of each dependency; the store of rate limits is listed only while it does not answer."""
        with self._lock:
            if self._last is None or self._clock() - self._last[0] > self._remember:
                started = {name: self._start(name) for name in self._probes}
                self._last = (self._clock(), tuple(self._finished(name, future) for name, future in started.items()))
            found = self._last[1]
        limits = Dependency("rate_limit_store", "degraded", "Limits are counted per process.")
        return (*found, limits) if limits_degraded else found

    def _start(self, name: str) -> Future[str | None]:
        running = self._running.get(name)
        if running is None or running.done():
            self._running[name] = running = self._pool.submit(self._probes[name])
        return running

    def _finished(self, name: str, future: Future[str | None]) -> Dependency:
        vital = name in self._vital
        try:
            words = future.result(self._timeout)
        except TooLate:
            return Dependency(name, "down", "It does not answer in time.", vital)
        except Exception:  # Whatever a probe stumbles over is that dependency's state, and its words stay in here.
            return Dependency(name, "down", "It cannot be reached.", vital)
        return Dependency(name, "ok" if words is None else "degraded", words, vital)
