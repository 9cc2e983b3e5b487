"""How many streams each account has open: they last for as long as a run or a job, so that limits by the minute do not bound them."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from api.domain.refusal import TooMany


class StreamSeats:
    """The streams that are open in this process, by account. On the event loop only."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[int] = Counter()

    def check(self, user_id: int) -> None:
        """Raise TooMany for an account that has as many streams open as it may."""
        if self._open[user_id] >= self._most:
            raise TooMany(
                f"Only {self._most} of your streams may be open at a time.", limit=self._most, retry_after=10,
                remedy="Close streams that nobody reads, or read the log page by page.")

    @contextmanager
    def taken(self, user_id: int) -> Iterator[None]:
        """Count a stream for as long as the context lasts."""
        self._open[user_id] += 1
        try:
            yield
        finally:
            self._open[user_id] -= 1
            if not self._open[user_id]:
                del self._open[user_id]
