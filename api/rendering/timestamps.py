"""Parses RFC 3339 timestamps of requests, which are validated already."""
from __future__ import annotations

from datetime import UTC, datetime

from api.domain.errors import Invalid


def parse_instant(name: str, text: str | None) -> datetime | None:
    """The instant that a parameter tells, in UTC; a plus sign that arrived as a space is one. Raises Invalid.

    What the format allows and a calendar does not hold (a leap second, the year 0) is refused here.
    """
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text.replace(" ", "+")).astimezone(UTC)
    except (ValueError, OverflowError) as wrong:
        raise Invalid({name: "Not an instant that can be computed with."}) from wrong
