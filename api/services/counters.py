"""The interface of fixed-window counters, for rate limits and failed logins."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Count:
    """How many requests a window has seen, and the Unix time at which it ends."""

    used: int
    ends: float


class Counters(Protocol):
    """Counts requests in fixed windows."""

    def hit(self, key: str, window: int, cost: int = 1) -> Count:
        """Add to a key's window, which begins with its first request; a cost of 0 only reads it."""
        ...

    def forget(self, key: str) -> None:
        """End a key's window."""
        ...
