"""A file's bytes as the text of a JSON field: its encoding, and where it is cut."""
from __future__ import annotations

from base64 import b64encode
from codecs import getincrementaldecoder
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from api.domain.text.decoding import utf_16_of

CONTENT_LIMIT = 1_048_576
RAW_LIMIT = CONTENT_LIMIT // 4 * 3
# A file is text when all of it is; of a longer one than this only so much is looked at.
EXAMINED = 16 << 20


class ContentEncoding(StrEnum):
    """How bytes are written as characters."""

    UTF_8 = "utf-8"
    BASE64 = "base64"


@dataclass(frozen=True, slots=True)
class Content:
    """The beginning of a file, or all of it, of at most 1,048,576 characters."""

    encoding: ContentEncoding
    text: str
    truncated: bool


def as_base64(head: bytes, size: int) -> Content:
    """The first bytes of a file of that size in base64."""
    shown = head[:RAW_LIMIT]
    return Content(ContentEncoding.BASE64, b64encode(shown).decode("ascii"), len(shown) < size)


def as_text(parts: Iterable[bytes], *, whole: bool = True) -> Content | None:
    """A file as text, cut between two characters; None where what is given of it is not UTF-8.

    Unless these parts are the whole of the file, it goes on behind them, perhaps in the middle of a character. The first part
    tells whether it is UTF-16.
    """
    decoder = getincrementaldecoder("utf-8")()
    text, truncated = "", not whole
    try:
        for number, part in enumerate(parts):
            if number == 0 and utf_16_of(part) is not None:
                return None
            decoded = decoder.decode(part)
            room = CONTENT_LIMIT - len(text)
            text += decoded[:room]
            truncated = truncated or len(decoded) > room
        decoder.decode(b"", final=whole)
    except UnicodeDecodeError:
        return None
    return Content(ContentEncoding.UTF_8, text, truncated)
