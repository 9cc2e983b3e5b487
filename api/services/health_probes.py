"""Health probes: run in parallel, with one deadline, and cached briefly."""
from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, wait

from api.domain.health import DEGRADED, DOWN, OK, Dependency, Finding

Probe = Callable[[], Finding | None]

LATE = Finding(DOWN, "It does not answer in time.")
BROKEN = Finding(DOWN, "It cannot be reached.")


class ProbeCall:
    """One call of a probe, in a daemon thread, since a probe that hangs must not delay the process's end."""

    def __init__(self, name: str, probe: Probe, clock: Callable[[], float]) -> None:
        self.began, self.ended = clock(), float("inf")
        self.found: Future[Finding] = Future()
        self._probe, self._clock = probe, clock
        try:
            threading.Thread(target=self._ask, name=f"probe-{name}", daemon=True).start()
        except RuntimeError:
            # The host has no threads left.
            self._settle(BROKEN)

    def _ask(self) -> None:
        try:
            found = self._probe() or Finding()
        except BaseException:  # Whatever a probe stumbles over is that dependency's state, and its words stay in here.
            found = BROKEN
        self._settle(found)

    def _settle(self, found: Finding) -> None:
        self.ended = self._clock()
        self.found.set_result(found)


class HealthProbes:
    """Probes every configured dependency.

    A probe returns a finding, or None where all is well; one that raises, or takes longer than `timeout` seconds, is down. Answers are
    kept for `remember` seconds, so that probing cannot be used to load what is probed. A probe that hangs is neither started a second
    time nor waited for again, so that each has one thread at most.
    """

    def __init__(
        self, probes: Mapping[str, Probe], *, vital: frozenset[str], timeout: float = 2.0, remember: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._probes, self._vital, self._timeout, self._remember, self._clock = dict(probes), vital, timeout, remember, clock
        self._asked: dict[str, ProbeCall] = {}
        self._lock = threading.Lock()

    async def probe(self, *, limits_degraded: bool) -> tuple[Dependency, ...]:
        """The state of each dependency; the store of rate limits is listed only while it is down. Call it on the event loop."""
        found = await self._ask(self._probes)
        return self._with_limits(found, limits_degraded)

    def look(self, *, limits_degraded: bool, patience: float = 0.2) -> tuple[Dependency, ...]:
        """`probe` for a thread, which waits `patience` seconds at most. What has begun to answer and is not late counts as well."""
        asked = {name: self._question(name) for name in self._probes}
        wait([each.found for each in asked.values() if not self._is_late(each)], timeout=patience)
        found = tuple(
            self._dependency(name, each.found) for name, each in asked.items() if each.found.done() or self._is_late(each))
        return self._with_limits(found, limits_degraded)

    async def is_ready(self) -> bool:
        """Whether the vital dependencies are up; only they are probed. Call it on the event loop."""
        return all(each.status == OK for each in await self._ask(self._vital & self._probes.keys()))

    async def _ask(self, names: Iterable[str]) -> tuple[Dependency, ...]:
        asked = {name: self._question(name) for name in names}
        now = self._clock()
        in_time = [each for each in asked.values() if not self._is_late(each)]
        if in_time:
            left = max(each.began for each in in_time) + self._timeout - now
            await asyncio.wait([asyncio.wrap_future(each.found) for each in in_time], timeout=left)
        return tuple(self._dependency(name, each.found) for name, each in asked.items())

    def _question(self, name: str) -> ProbeCall:
        with self._lock:
            asked = self._asked.get(name)
            if asked is None or (asked.found.done() and self._clock() - asked.ended >= self._remember):
                self._asked[name] = asked = ProbeCall(name, self._probes[name], self._clock)
            return asked

    def _is_late(self, asked: ProbeCall) -> bool:
        return self._clock() - asked.began >= self._timeout

    @staticmethod
    def _with_limits(found: tuple[Dependency, ...], limits_degraded: bool) -> tuple[Dependency, ...]:
        limits = Dependency("rate_limit_store", DEGRADED, "Limits are counted per process.")
        return (*found, limits) if limits_degraded else found

    def _dependency(self, name: str, answer: Future[Finding]) -> Dependency:
        found = answer.result() if answer.done() else LATE
        return Dependency(name, found.status, found.words, name in self._vital)
