"""Timestamps in tables that are beyond the calendar, or beyond what clients can read."""
from __future__ import annotations

from datetime import UTC, datetime

# What stands for an instant that cannot be read: long past, so that whatever it ends has ended.
NO_INSTANT = datetime(1970, 1, 1, tzinfo=UTC)
# Beyond it, adding to an instant may leave the calendar.
LAST = datetime(9998, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def is_shown(instant: datetime) -> bool:
    """Whether an instant is one that is taken as it is."""
    return NO_INSTANT < instant <= LAST
