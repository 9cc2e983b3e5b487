"""Limits on concurrent streams and uploads."""
from __future__ import annotations

from collections import Counter

from api.domain.errors import TooMany

# An account by its number, a job by its id.
Key = int | str


class Slot:
    """One open request, while this is entered."""

    __slots__ = ("_keys", "_open")

    def __init__(self, open: Counter[Key], keys: tuple[Key, ...]) -> None:
        self._open, self._keys = open, keys

    def __enter__(self) -> None:
        """Count it."""
        for key in self._keys:
            self._open[key] += 1

    def __exit__(self, *_: object) -> None:
        """Count it no longer."""
        for key in self._keys:
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]


class ConcurrencyLimit:
    """Open requests of this process, by what they count against. Use it on the event loop."""

    message = "Only {limit} of your requests may be open at a time."
    remedy = "Wait until one of them has ended."

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: Counter[Key] = Counter()

    def check(self, key: Key, *, times: int = 1) -> None:
        """Raise TooMany for a key at so many times its limit."""
        limit = self._limit * times
        if self._open[key] >= limit:
            raise TooMany(self.message.format(limit=limit), limit=limit, retry_after=10, remedy=self.remedy)

    def acquire(self, *keys: Key) -> Slot:
        """A context that counts as one more of each key."""
        return Slot(self._open, keys)


class StreamLimits(ConcurrencyLimit):
    """Streams of logs."""

    message = "Only {limit} of your streams may be open at a time."
    remedy = "Close streams that nobody reads, or read the log page by page."


class UploadLimits(ConcurrencyLimit):
    """Uploads of projects and files of the library, each of which takes memory and disk space however slowly it is sent."""

    message = "Only {limit} of your uploads may be on their way at a time."
    remedy = "Send it again once another has arrived."
