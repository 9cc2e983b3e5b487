"""Limits on concurrent streams and uploads per account."""
from __future__ import annotations

from collections import Counter

from api.domain.errors import TooMany


class Slot:
    """One open request of an account, while this is entered."""

    __slots__ = ("_open", "_user_id")

    def __init__(self, open: Counter[int], user_id: int) -> None:
        self._open, self._user_id = open, user_id

    def __enter__(self) -> None:
        """Count it."""
        self._open[self._user_id] += 1

    def __exit__(self, *_: object) -> None:
        """Count it no longer."""
        self._open[self._user_id] -= 1
        if not self._open[self._user_id]:
            del self._open[self._user_id]


class ConcurrencyLimit:
    """Open requests of this process, by account. Use it on the event loop."""

    message = "Only {limit} of your requests may be open at a time."
    remedy = "Wait until one of them has ended."

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: Counter[int] = Counter()

    def check(self, user_id: int) -> None:
        """Raise TooMany for an account at its limit."""
        if self._open[user_id] >= self._limit:
            raise TooMany(self.message.format(limit=self._limit), limit=self._limit, retry_after=10, remedy=self.remedy)

    def acquire(self, user_id: int) -> Slot:
        """A context that counts as one more."""
        return Slot(self._open, user_id)


class StreamLimits(ConcurrencyLimit):
    """Streams of logs."""

    message = "Only {limit} of your streams may be open at a time."
    remedy = "Close streams that nobody reads, or read the log page by page."


class UploadLimits(ConcurrencyLimit):
    """Uploads of projects, each of which takes memory and disk space however slowly it is sent."""

    message = "Only {limit} of your projects may be on their way at a time."
    remedy = "Send the project again once another has arrived."
