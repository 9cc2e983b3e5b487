"""How long a client waits, and how it comes back to a server that is away."""
from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

LONGEST_PAUSE = 30.0


@dataclass(frozen=True)
class Pace:
    """Patience with a server that does not answer, in seconds; clock, sleep and chance can be replaced."""

    patience: float = 300.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random


class BackOff:
    """Pauses between attempts that grow until something is heard, and end when patience does."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._last_heard = pace.clock()
        self._failures = 0

    def reached(self) -> None:
        """The server is there, whether or not it has said anything."""
        self._last_heard = self._pace.clock()

    def heard(self) -> None:
        """The server has said something: the next pause is a short one again."""
        self.reached()
        self._failures = 0

    def next_pause(self, first: float, at_least: float = 0.0) -> float | None:
        """Seconds until the next attempt, growing from `first`, and never under `at_least`; None where patience ends before."""
        # The little that chance adds keeps clients apart that lost the same server at the same moment.
        pause = max(at_least, first, min(LONGEST_PAUSE, first * 2.0**self._failures)) * (1 + self._pace.chance() / 4)
        if self._pace.clock() + pause - self._last_heard > self._pace.patience:
            return None
        self._failures = min(self._failures + 1, 16)
        return pause

    def rest(self, pause: float) -> None:
        """Wait for so many seconds."""
        self._pace.sleep(pause)
