"""Reads the parameters that the platform's clients spell as Python or JavaScript does."""
from __future__ import annotations

from datetime import UTC, datetime

from api.domain.errors import Invalid


def parse_flag(text: str | None) -> bool | None:
    """Yes or no; None where the parameter is absent."""
    return None if text is None else text.lower() in ("true", "1")


def parse_instant(name: str, text: str | None) -> datetime | None:
    """An instant, or the midnight of a day, in UTC where it names no offset. Raises Invalid for a day that no calendar has."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text[:11] + text[11:].replace(" ", "+").upper())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as wrong:
        raise Invalid({name: "Not an instant that can be computed with."}) from wrong
