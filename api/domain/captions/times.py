"""How formats write times, read as milliseconds."""
from __future__ import annotations

import re

_NUMBERS = re.compile(r"[0-9]{1,9}")
_DIGIT = re.compile(r"[0-9]")
# Longer than any time that is one.
TIME_LENGTH = 40
_FACTORS = (1_000, 60_000, 3_600_000, 86_400_000)
_UNIT = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,9}))?(ms|h|m|s|f|t)$")
_UNIT_FACTORS = {"h": 3_600_000.0, "m": 60_000.0, "s": 1_000.0, "ms": 1.0, "f": 1_000 / 30, "t": 1e-4}
_CALENDAR = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})\.([0-9]{1,3})")


def time_form(text: str) -> str:
    """How a time is written: each digit as N."""
    return _DIGIT.sub("N", text[:TIME_LENGTH])


def clock_time(text: str) -> int | None:
    """Milliseconds of `01:02:03,400`, of which hours may be missing; None for what is no time."""
    numbers = _NUMBERS.findall(text[:TIME_LENGTH])
    if not 3 <= len(numbers) <= 5:
        return None
    whole = sum(int(number) * factor for number, factor in zip(reversed(numbers[:-1]), _FACTORS, strict=False))
    return whole + int(numbers[-1].ljust(3, "0")[:3])


def frame_time(hours: str, minutes: str, seconds: str, frames: str) -> int:
    """Milliseconds of a time with frames, of which there are about 30 in a second."""
    return (int(hours) * 3600 + int(minutes) * 60 + int(seconds)) * 1000 + int(frames) * 1001 // 30


def offset_time(text: str) -> int | None:
    """Milliseconds of a time of TTML: a clock's, with frames behind a colon, or a number with its unit."""
    text = text.strip()[:TIME_LENGTH]
    if found := _UNIT.match(text):
        return round(float(f"{found[1]}.{found[2] or 0}") * _UNIT_FACTORS[found[3]])
    numbers = _NUMBERS.findall(text)
    if text.count(":") == 3 and len(numbers) == 4:
        return frame_time(*numbers)
    if text.count(":") == 2 and len(numbers) == 3:
        return clock_time(text + ".0")
    return clock_time(text)


def calendar_time(text: str) -> int | None:
    """Milliseconds of `yyyymmddhhmmss.mmm`, counted from some day on; None for what is none."""
    found = _CALENDAR.match(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    # The day's number in a calendar that begins with March, so that a leap day comes last.
    year, month = (year, month - 3) if month > 2 else (year - 1, month + 9)
    days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * month + 2) // 5 + day
    return ((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + int(found[7].ljust(3, "0"))
