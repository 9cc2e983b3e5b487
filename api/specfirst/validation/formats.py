"""Checks the formats that the documents use. The compiled engine has its own checks, except for those that differ."""
from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from ipaddress import IPv6Address
from typing import Any

_DATE_TIME = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})[Tt](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})(?P<fraction>\.[0-9]+)?"
    r"(?P<zone>[Zz]|(?P<sign>[+-])(?P<zone_hour>[0-9]{2}):(?P<zone_minute>[0-9]{2}))")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_EMAIL = re.compile(rf"(?=.{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_HEX = "%[0-9A-Fa-f]{2}"
_PCHAR = rf"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|{_HEX})"
_HOST = rf"(?:\[(?P<literal>[^\[\]]*)\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|{_HEX})*)"
_URI = re.compile(
    rf"[A-Za-z][A-Za-z0-9+.-]*:"
    rf"(?://(?:(?:[A-Za-z0-9._~!$&'()*+,;=:-]|{_HEX})*@)?{_HOST}(?::[0-9]*)?(?:/{_PCHAR}*)*|/(?:{_PCHAR}+(?:/{_PCHAR}*)*)?|{_PCHAR}+(?:/{_PCHAR}*)*|)"
    rf"(?:\?(?:{_PCHAR}|[/?])*)?(?:#(?:{_PCHAR}|[/?])*)?")
_FUTURE_LITERAL = re.compile(r"[vV][0-9A-Fa-f]+\.[A-Za-z0-9._~!$&'()*+,;=:-]+")
_LEAP = 60


def is_date_time(text: str) -> bool:
    """Whether a text is a date-time of RFC 3339, with an offset. Second 60 is allowed only at 23:59 UTC."""
    found = _DATE_TIME.fullmatch(text)
    if found is None or not is_date(found["date"]):
        return False
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"])
    zone_hour, zone_minute = int(found["zone_hour"] or 0), int(found["zone_minute"] or 0)
    if hour > 23 or minute > 59 or second > _LEAP or zone_hour > 23 or zone_minute > 59:
        return False
    if second < _LEAP:
        return True
    behind = (zone_hour * 60 + zone_minute) * (-1 if found["sign"] == "-" else 1)
    return (hour * 60 + minute - behind) % 1440 == 1439


def is_date(text: str) -> bool:
    """Whether a text is a full-date of RFC 3339. The year 0000 is allowed, which Python's `date` does not have."""
    if not _DATE.fullmatch(text):
        return False
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:])
    try:
        # The calendar repeats after 400 years.
        date(year + 400, month, day) if year + 400 <= 9999 else date(year, month, day)
    except ValueError:
        return False
    return True


def is_email(text: str) -> bool:
    """Whether a text is an e-mail address: a dot-atom, @ and a host name. Quoted names and IP addresses are not accepted."""
    return _EMAIL.fullmatch(text) is not None


def is_uri(text: str) -> bool:
    """Whether a text is a URI of RFC 3986: with a scheme, in ASCII."""
    found = _URI.fullmatch(text)
    if found is None:
        return False
    literal = found["literal"]
    return literal is None or _FUTURE_LITERAL.fullmatch(literal) is not None or _is_ipv6(literal)


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return "%" not in text


CHECKS: Mapping[str, Callable[[str], bool]] = {
    "date-time": is_date_time, "date": is_date, "email": is_email, "uri": is_uri}
# The compiled engine takes quoted names and literal addresses for e-mail addresses; one answer is better than two.
BOTH_ENGINES: Mapping[str, Callable[[Any], bool]] = {"email": is_email}


def utc_text(text: str) -> str:
    """Convert a valid date-time to UTC, in a form that `datetime.fromisoformat` reads. Raises ValueError for another text.

    An instant outside Python's calendar becomes the first or the last one in it. A leap second becomes the second after it.
    """
    found = _DATE_TIME.fullmatch(text)
    if found is None:
        raise ValueError("is no date-time")
    if found["date"].startswith("0000"):
        return datetime.min.replace(tzinfo=UTC).isoformat()
    leap = found["second"] == str(_LEAP)
    clock = f"{found['hour']}:{found['minute']}:{'59' if leap else found['second']}"
    fraction = (found["fraction"] or ".0")[1:7].ljust(6, "0")
    zone = "+00:00" if found["sign"] is None else found["zone"]
    instant = datetime.fromisoformat(f"{found['date']}T{clock}.{fraction}{zone}")
    try:
        return (instant.astimezone(UTC) + timedelta(seconds=leap)).isoformat()
    except OverflowError:
        end = datetime.min if found["sign"] == "+" else datetime.max
        return end.replace(tzinfo=UTC).isoformat()
