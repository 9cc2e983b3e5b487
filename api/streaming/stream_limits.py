"""Limits on concurrent streams and uploads per account."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from api.domain.errors import TooMany


class OpenLimit:
    """What is open in this process, by account. On the event loop only."""

    words = "Only {most} of your requests may be open at a time."
    remedy = "Wait until one of them has ended."

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[int] = Counter()

    def check(self, user_id: int) -> None:
        """Raise TooMany for an account that has as much open as it may."""
        if self._open[user_id] >= self._most:
            raise TooMany(self.words.format(most=self._most), limit=self._most, retry_after=10, remedy=self.remedy)

    @contextmanager
    def taken(self, user_id: int) -> Iterator[None]:
        """Count one more for as long as the context lasts."""
        self._open[user_id] += 1
        try:
            yield
        finally:
            self._open[user_id] -= 1
            if not self._open[user_id]:
                del self._open[user_id]


class StreamLimits(OpenLimit):
    """Streams of logs."""

    words = "Only {most} of your streams may be open at a time."
    remedy = "Close streams that nobody reads, or read the log page by page."


class UploadLimits(OpenLimit):
    """Projects on their way in: however slowly one is sent, it takes memory and room on the disk meanwhile."""

    words = "Only {most} of your projects may be on their way at a time."
    remedy = "Send the project again once another has arrived."
