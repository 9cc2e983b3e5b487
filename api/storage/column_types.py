"""Column types that read any stored value of the platform without raising."""
from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import Boolean, ColumnElement, Date, DateTime, Integer, String, Text, TypeDecorator, func
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import InstrumentedAttribute

from api.domain.instant import NO_INSTANT, is_shown
from api.domain.text.casefold import casefold_ascii

W = TypeVar("W", bound=StrEnum)
Read = Callable[[Any], Any]

MIN_INT, MAX_INT = -2**31, 2**31 - 1
MAX_ID = MAX_INT
NAME_LENGTH = 50
# What a name that ends in a space, or in this, has behind it: a character that sorts behind the space, and stands in no name.
END = "\x7f"


class Prose(TypeDecorator[str]):
    """A text of any content; `null` is what no value is read as. Bytes are read as UTF-8, as far as they are that."""

    impl = String
    cache_ok = True

    def __init__(self, length: int | None = None, *, null: str | None = None) -> None:
        super().__init__(length)
        self.length, self.null = length, null

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """A text without a length is a long one."""
        return dialect.type_descriptor(Text() if self.length is None else String(self.length))

    def result_processor(self, dialect: Dialect, coltype: object) -> Read:
        """What reads a value."""
        null = self.null

        def read(value: Any) -> Any:
            if value.__class__ is str:
                return value
            return null if value is None else text_of(value)

        return read


def text_of(value: Any) -> str:
    """Any value as a text."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


class WholeNumber(TypeDecorator[int]):
    """A number of 32 bits; `null` is what no value is read as, and `odd` what is no such number, the same unless one is given."""

    impl = Integer
    cache_ok = True

    def __init__(self, *, null: int | None = None, odd: int | None = None) -> None:
        super().__init__()
        self.null, self.odd = null, null if odd is None else odd

    def result_processor(self, dialect: Dialect, coltype: object) -> Read:
        """What reads a value."""
        null, odd = self.null, self.odd
        return lambda value: value if value.__class__ is int and MIN_INT <= value <= MAX_INT else null if value is None else odd


class ExitCode(TypeDecorator[int]):
    """An exit code as a signed number of 32 bits, also where it is kept as Windows gives it, unsigned; None for what is none."""

    impl = Integer
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Read:
        """What reads a value."""
        def read(value: Any) -> int | None:
            if value.__class__ is not int or not MIN_INT <= value < 2**32:
                return None
            return value if value <= MAX_INT else value - 2**32

        return read


class Flag(TypeDecorator[bool]):
    """Yes or no: any number but 0 is yes, and everything else is no."""

    impl = Boolean
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Read:
        """What reads a value."""
        return lambda value: isinstance(value, int) and value != 0


class Word(TypeDecorator[W]):
    """A word of a few that are known, else None.

    ASCII case and spaces at the end say nothing, since MySQL compares so; but what gives rights counts only as it is spelled: `exact`.
    """

    impl = String
    cache_ok = True

    def __init__(self, words: type[W], *, exact: bool = False) -> None:
        super().__init__(NAME_LENGTH)
        self.words, self.exact = words, exact

    def result_processor(self, dialect: Dialect, coltype: object) -> Read:
        """What reads a value."""
        known: dict[Any, W] = {word.value: word for word in self.words}
        if self.exact:
            return lambda value: known.get(value) if value.__class__ is str else None
        return lambda value: known.get(value) or (None if value is None else known.get(casefold_ascii(text_of(value)).rstrip(" ")))


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC instant, stored as the platform does: naive, in whole seconds, or exactly with `exact`.

    What is none, such as MySQL's zero date, is read as NO_INSTANT; so is no value where the column is `required` to have one.
    """

    impl = DateTime
    cache_ok = True

    def __init__(self, exact: bool = False, *, required: bool = False) -> None:
        super().__init__()
        self.exact, self.required = exact, required

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """MySQL keeps microseconds only where it is told to."""
        if self.exact and dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Make an aware instant naive UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant must carry its time zone")
        naive = value.astimezone(UTC).replace(tzinfo=None)
        return naive if self.exact else naive.replace(microsecond=0)

    def result_processor(self, dialect: Dialect, coltype: object) -> Read:
        """Say that what is stored is UTC. SQLite gives texts, which are read together with their zone: that is ten times as fast."""
        null = NO_INSTANT if self.required else None
        read = _instant_in if dialect.name == "sqlite" else _instant_of
        return lambda value: null if value is None else read(value)


def _instant_in(text: Any) -> datetime:
    try:
        return _instant_of(datetime.fromisoformat(text + "+00:00"))
    except (ValueError, TypeError):
        return NO_INSTANT


def _instant_of(value: Any) -> datetime:
    # The driver gives a zero date as the text that it is.
    if value.__class__ is not datetime:
        return NO_INSTANT
    found: datetime = value.replace(tzinfo=UTC)
    return found if is_shown(found) else NO_INSTANT


class Day(TypeDecorator[date]):
    """A day of the calendar; None for what is none."""

    impl = Date
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Read:
        """What reads a value."""
        return _day


def _day(value: Any) -> date | None:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except (ValueError, TypeError):
        return None


class BranchName(TypeDecorator[str]):
    """A branch's name of at most 255 characters, a longer one cut, such that names are told apart by spaces at their end too.

    MySQL passes over those when it compares; so no stored name ends in one.
    """

    impl = String
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(255)

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """The name as it is stored and compared."""
        if value is None:
            return None
        short = value if len(value) <= 255 else value[:254] + "…"
        return short[:254] + END if short.endswith((" ", END)) else short

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """The name as it was."""
        return None if value is None else value.removesuffix(END)


def spelled(column: ColumnElement[Any] | InstrumentedAttribute[Any]) -> ColumnElement[str]:
    """A column of words, to be compared with `spelling` of those that are meant: as `Word` reads them, on every database."""
    return func.hex(func.lower(func.rtrim(sql_cast(column, String))))


def spelling(word: str) -> str:
    """A word as `spelled` has it."""
    return word.encode().hex().upper()


def is_on(column: ColumnElement[Any] | InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    """Whether a column is read as yes."""
    return func.coalesce(sql_cast(column, Integer), 0) != 0


def is_id(column: ColumnElement[Any] | InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    """Whether a column is a number that something can be asked for by."""
    return column.between(1, MAX_ID)
