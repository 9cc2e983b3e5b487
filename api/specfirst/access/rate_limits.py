"""Rate limits: the bucket of each request, and the counters of buckets."""
from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import TypeVar

from limits.errors import StorageError
from limits.storage import Storage, storage_from_string

from api.services.counters import Count, Counters
from api.specfirst.request_context import RequestContext
from api.specfirst.responses.error_responses import HttpProblem, rate_limited

log = logging.getLogger(__name__)

T = TypeVar("T")

MINUTE = 60
READS, WRITES, LOGINS, ANONYMOUS, WRONG, HEALTH, DOWNLOADS, METRICS, WORKER, MACHINE = BUCKETS = (
    "reads", "writes", "logins", "anonymous", "wrong", "health", "downloads", "metrics", "worker", "machine")
PER_ADDRESS = frozenset({LOGINS, ANONYMOUS, WRONG, HEALTH, DOWNLOADS, METRICS})
# Whether a worker's post is exempt stands in its body; so its handler refuses, once it has read that far.
DEFERRED = frozenset({WORKER})
# The limit of an account, over all its tokens, as a multiple of one token's.
ACCOUNT_FACTOR = 5
# A store that does not answer delays a request by this timeout, so a cooldown follows.
STORE_TIMEOUT = 0.25
STORE_COOLDOWN = 5.0


@dataclass(frozen=True)
class Rate:
    """How many requests a bucket takes in a window of so many seconds."""

    amount: int
    window: int = MINUTE


class ProcessCounters:
    """Counters of this process alone: the library's own start a thread every few milliseconds, and read the system's clock."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = Lock()
        self._windows: dict[str, tuple[int, float]] = {}
        self._swept = 0.0

    def hit(self, key: str, window: int, cost: int = 1) -> Count:
        """Add to a key's window."""
        now = self._clock().timestamp()
        with self._lock:
            self._sweep(now)
            used, ends = self._windows.get(key, (0, 0.0))
            if ends <= now:
                used, ends = 0, now + window
            if cost:
                self._windows[key] = (used + cost, ends)
            return Count(used + cost, ends)

    def forget(self, key: str) -> None:
        """End a key's window."""
        with self._lock:
            self._windows.pop(key, None)

    def _sweep(self, now: float) -> None:
        if now - self._swept < MINUTE:
            return
        self._swept = now
        self._windows = {key: entry for key, entry in self._windows.items() if entry[1] > now}


class SharedCounters:
    """Counters in a store that several processes share; blocking, so called in a thread."""

    def __init__(self, storage: Storage, clock: Callable[[], datetime]) -> None:
        self._storage = storage
        self._clock = clock

    def hit(self, key: str, window: int, cost: int = 1) -> Count:
        """Add to a key's window; raises StorageError when the store does not answer."""
        if cost:
            return Count(self._storage.incr(key, window, cost), self._storage.get_expiry(key))
        used = self._storage.get(key)
        return Count(used, self._storage.get_expiry(key) if used else self._clock().timestamp() + window)

    def forget(self, key: str) -> None:
        """End a key's window; raises StorageError when the store does not answer."""
        self._storage.clear(key)


class FallbackCounters:
    """Shared counters while their store answers, this process's own while it does not."""

    def __init__(self, shared: Counters, own: Counters, clock: Callable[[], datetime]) -> None:
        self._shared, self._own, self._clock = shared, own, clock
        self._asked_again = float("-inf")
        self.degraded = False

    def hit(self, key: str, window: int, cost: int = 1) -> Count:
        """Add to a key's window."""
        return self._ask(lambda counters: counters.hit(key, window, cost))

    def forget(self, key: str) -> None:
        """End a key's window, here and in the store."""
        self._own.forget(key)
        self._ask(lambda counters: counters.forget(key))

    def _ask(self, question: Callable[[Counters], T]) -> T:
        if self._clock().timestamp() < self._asked_again:
            return question(self._own)
        try:
            answer = question(self._shared)
        except StorageError:
            self._asked_again = self._clock().timestamp() + STORE_COOLDOWN
            if not self.degraded:
                log.warning("the rate limits' store does not answer; limits are counted per process")
            self.degraded = True
            return question(self._own)
        self.degraded = False
        return answer


def shared_storage(url: str) -> Storage:
    """The store behind a URL such as redis://host:6379/0; it is not asked anything yet."""
    return storage_from_string(  # type: ignore[return-value]
        url, wrap_exceptions=True, socket_timeout=STORE_TIMEOUT, socket_connect_timeout=STORE_TIMEOUT)


class RateLimits:
    """Counts each request in its bucket, and makes the response's headers."""

    def __init__(self, rates: Mapping[str, Rate], store: str, clock: Callable[[], datetime]) -> None:
        self._rates = rates
        self._clock = clock
        own = ProcessCounters(clock)
        self.blocking = not store.startswith("memory:")
        self.counters: Counters = FallbackCounters(SharedCounters(shared_storage(store), clock), own, clock) if self.blocking else own

    @property
    def degraded(self) -> bool:
        """Whether the shared store is configured, but does not answer."""
        return isinstance(self.counters, FallbackCounters) and self.counters.degraded

    def count(self, context: RequestContext, bucket: str, key: str, *, cost: int = 1, account: str | None = None) -> None:
        """Count a request: its headers, and the refusal if the bucket is empty, are recorded in its context.

        A request with a token also counts for its `account`, whose tokens together may use a few times what one may. The
        headers are those of whichever is nearer to its end. What a token's own limit refuses takes nothing from the others.
        """
        context.bucket, rate = bucket, self._rates[bucket]
        count = self.counters.hit(f"ci/{bucket}/{key}", rate.window, cost)
        if account is not None and count.used <= rate.amount:
            together = Rate(rate.amount * ACCOUNT_FACTOR, rate.window)
            of_account = self.counters.hit(f"ci/{bucket}/{account}", together.window, cost)
            if together.amount - of_account.used < rate.amount - count.used:
                rate, count = together, of_account
        context.rate_headers = (
            (b"x-ratelimit-limit", b"%d" % rate.amount),
            (b"x-ratelimit-remaining", b"%d" % max(0, rate.amount - count.used)),
            (b"x-ratelimit-reset", b"%d" % -(-count.ends // 1)))
        context.over_limit = self._refusal(rate, count) if count.used > rate.amount else None

    def _refusal(self, rate: Rate, count: Count) -> HttpProblem:
        left = count.ends - self._clock().timestamp()
        return rate_limited(limit=rate.amount, window=rate.window, retry_after=max(1, int(-(-left // 1))))
