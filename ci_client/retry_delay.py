"""Backoff of a client that reconnects."""
from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

MAX_PAUSE = 30.0


@dataclass(frozen=True)
class RetryPolicy:
    """How long to try a server that does not answer, in seconds; clock, sleep and jitter can be replaced."""

    give_up_after: float = 300.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random


class Backoff:
    """Exponential pauses between attempts, which are reset by success and end after `give_up_after`."""

    def __init__(self, retries: RetryPolicy) -> None:
        self._pace = retries
        self._last_answer = retries.clock()
        self._failures = 0

    def reached(self) -> None:
        """Record that the server was reached."""
        self._last_answer = self._pace.clock()

    def succeeded(self) -> None:
        """Record progress: the next pause is short again."""
        self.reached()
        self._failures = 0

    def next_pause(self, first: float, at_least: float = 0.0) -> float | None:
        """Seconds until the next attempt, growing from `first`, and never under `at_least`; None where that time ends before."""
        # Jitter spreads clients that lost the same server at the same moment.
        pause = max(at_least, first, min(MAX_PAUSE, first * 2.0**self._failures)) * (1 + self._pace.jitter() / 4)
        if self._pace.clock() + pause - self._last_answer > self._pace.give_up_after:
            return None
        self._failures = min(self._failures + 1, 16)
        return pause

    def pause_for(self, pause: float) -> None:
        """Wait for so many seconds."""
        self._pace.sleep(pause)
