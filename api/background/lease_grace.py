"""The time that machines have to renew their leases, once a server or its database is back."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta


class LeaseGrace:
    """Says when a lease that has passed means that its machine is gone: not before machines had the time of a `lease` to renew it."""

    def __init__(self, lease: timedelta) -> None:
        self._lease = lease
        self._available_since: datetime | None = None

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Around each look at leases: after one that fails, machines have that time again."""
        try:
            yield
        except Exception:
            self._available_since = None
            raise

    def is_over(self, now: datetime) -> bool:
        """Whether leases count."""
        self._available_since = self._available_since or now
        return now >= self._available_since + self._lease
