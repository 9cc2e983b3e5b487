"""Decodes XML files that are not trusted, and takes out what XML does not have."""
from __future__ import annotations

import codecs
import re
import sys
from collections.abc import Iterable, Iterator
from itertools import chain

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"), (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"))
DECLARED = re.compile(rb"""<\?xml[^>]{1,100}?encoding\s{0,9}=\s{0,9}["']([A-Za-z0-9._-]{1,40})["']""")
# The encodings that texts are written in; Python knows others, which are none.
ENCODINGS = (
    "utf-8", "ascii", "iso8859", "cp", "koi8", "mac", "gb", "big5", "hz", "euc", "shift_jis", "iso2022", "johab", "tis")
# What XML 1.0 has no way to hold, neither as it is nor by number.
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NUMBER = re.compile(r"&#(?:([0-9]{1,12})|x([0-9a-fA-F]{1,12}));")
MAX_DECLARATION_LENGTH = 200
MAX_REFERENCE_LENGTH = 20


def readable_text(chunks: Iterable[bytes]) -> Iterator[str]:
    """The text, piece by piece, by its mark or its declaration, and with U+FFFD for what is damaged or forbidden in it.

    Raises LookupError for an unknown encoding.
    """
    return _allowed(_decoded(chunks))


def _decoded(chunks: Iterable[bytes]) -> Iterator[str]:
    """The text; what is damaged in it is replaced."""
    rest = iter(chunks)
    first = b""
    while len(first) < MAX_DECLARATION_LENGTH and (more := next(rest, b"")):
        first += more
    decoder = codecs.getincrementaldecoder(_encoding(first))("replace")
    for chunk in chain((first,), rest):
        yield decoder.decode(chunk)
    yield decoder.decode(b"", True)


def _encoding(beginning: bytes) -> str:
    for mark, encoding in MARKS:
        if beginning.startswith(mark):
            return encoding
    declared = DECLARED.match(beginning)
    name = codecs.lookup(declared[1].decode()).name if declared else "utf-8"
    # A declaration that could be read is not in one of those whose characters have two bytes and more.
    return "utf-8" if name.startswith(("utf-16", "utf-32")) else _known(name)


def _known(name: str) -> str:
    if not name.startswith(ENCODINGS):
        raise LookupError(name)
    return name


def _allowed(texts: Iterable[str]) -> Iterator[str]:
    """The text without the characters that XML does not have, which programs write all the same."""
    kept = ""
    for text in texts:
        text = _NUMBER.sub(_allowed_number, _FORBIDDEN.sub("\ufffd", kept + text))
        # A reference may go on in the next piece.
        begin = text.rfind("&", max(0, len(text) - MAX_REFERENCE_LENGTH))
        kept = text[begin:] if begin >= 0 else ""
        yield text[:begin] if begin >= 0 else text
    yield kept


def _allowed_number(reference: re.Match[str]) -> str:
    """A reference by number as it is, where XML has that character; some programs write the halves of a pair, or a NUL."""
    number = int(reference[1]) if reference[1] else int(reference[2], 16)
    return "\ufffd" if number > sys.maxunicode or _FORBIDDEN.match(chr(number)) else reference[0]
