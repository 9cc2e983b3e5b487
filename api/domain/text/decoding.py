"""Decodes all text that is shown, of files and logs: UTF-8, UTF-16, else cp1252. Equality of files is decided on bytes."""
from __future__ import annotations

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, charmap_decode, charmap_encode, utf_8_decode
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

# So many of a file's first bytes tell whether it is UTF-16.
HEAD = 64 * 1024
# A NUL among so many first bytes makes a file binary.
BINARY_HEAD = 4096
# So many tell it of a log, which is read for each page of it.
LOG_HEAD = 1024
# So many tell its mark.
MARK_BYTES = 4
# What UTF-32 begins with in the same order of bytes; nothing else begins with UTF-16's mark and a NUL.
_BOM_UTF32_LE = BOM_UTF16_LE + b"\0\0"
MARK = "\ufeff"
# Of a log without a mark so many units at least must tell that it is UTF-16.
_SURE_UNITS = 32

# The five bytes that cp1252 leaves open stand for the control characters of the same number, as in browsers,
# so that every byte can be shown and found again.
_CP1252 = "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(256))
_CP1252_BYTES = {ord(character): byte for byte, character in enumerate(_CP1252)}

# What UTF-16 has no character for is shown by the last private ones: a byte that stands alone at the end, and the halves of
# pairs, alone or where their pair is one of these very characters. So no two different files become the same text.
_LONE_BYTE = 0x10F700
_HALF = 0x10F800
_NO_CHARACTERS = re.compile(f"[\ud800-\udfff{chr(_LONE_BYTE)}-\U0010ffff]")
_COLOUR = re.compile(r"\x1b\[[0-9;:?]{0,40}[A-Za-z]")
_HALVES = bytes(range(0xD8, 0xE0))


class Encoding(StrEnum):
    """How bytes were read to be shown; the values are Python's names."""

    UTF_8 = "utf-8"
    UTF_16_LE = "utf-16-le"
    UTF_16_BE = "utf-16-be"
    CP1252 = "cp1252"


Side = Literal["expected", "actual"]
_MARKS = {Encoding.UTF_16_LE: BOM_UTF16_LE, Encoding.UTF_16_BE: BOM_UTF16_BE}


def decode_cp1252(content: bytes) -> str:
    """Any bytes as text, one character each."""
    return charmap_decode(content, "strict", _CP1252)[0]


def encode_cp1252(text: str) -> bytes:
    """The bytes that `decode_cp1252` read. Raises UnicodeEncodeError for a text that it cannot have made."""
    return charmap_encode(text, "strict", _CP1252_BYTES)[0]


@dataclass(frozen=True, slots=True)
class Text:
    """A file that was read alone: how, whether a byte order mark stands before it, and the text without that mark."""

    encoding: Encoding
    is_marked: bool
    text: str


def read_text(content: bytes) -> Text:
    """A file, or its beginning, as text: UTF-16 by its mark or its NULs, UTF-8, else cp1252.

    A last character that is not complete is left out, and makes no UTF-8 into cp1252: the file was cut there.
    """
    wide = utf_16_of(content)
    if wide is not None:
        text = content.decode(wide, "replace")
        return Text(wide, text.startswith(MARK), text.removeprefix(MARK))
    plain = content.removeprefix(BOM_UTF8)
    decoded = _utf_8(plain, whole=False)
    encoding = Encoding.CP1252 if decoded is None else Encoding.UTF_8
    return Text(encoding, content.startswith(BOM_UTF8), decode_cp1252(plain) if decoded is None else decoded[0])


def without_colours(text: str) -> str:
    """A text as a terminal would show it without its colours."""
    return _COLOUR.sub("", text) if "\x1b" in text else text


def decode_line(line: bytes) -> str:
    """A line of a log, which may be in another encoding than the line before: UTF-8, else cp1252."""
    decoded = _utf_8(line, whole=True)
    return decode_cp1252(line) if decoded is None else decoded[0]


def decode_piece(raw: bytes, most: int, *, whole: bool, legacy: bool = False, wide: Encoding | None = None) -> tuple[str, int]:
    """So many characters of a line's beginning, and how many bytes they took.

    Of a log in UTF-16 as that; else UTF-8 where the line is that, else cp1252, as also where it is `legacy`: an earlier part of the line
    was no UTF-8. Without `whole` the bytes may end within a character, which is then left.
    """
    if wide is not None:
        text = raw.decode(wide, "replace")[:most]
        # Each unit that is no character is replaced by one that is a unit, too; a last byte that stands alone is none.
        return text, min(len(raw), len(text.encode(wide)))
    decoded = None if legacy else _utf_8(raw, whole=whole)
    if decoded is None:
        return decode_cp1252(raw[:most]), min(len(raw), most)
    text, used = decoded
    return (text, used) if len(text) <= most else (text[:most], len(text[:most].encode()))


def _utf_8(content: bytes, *, whole: bool) -> tuple[str, int] | None:
    """The text, and how many bytes it took; None where it is no UTF-8. Without `whole` a last character may be incomplete, and is left."""
    try:
        return utf_8_decode(content, "strict", whole)
    except UnicodeDecodeError:
        return None


def decode_pair(expected: bytes, actual: bytes) -> tuple[Encoding, str, str]:
    """Two texts: UTF-8 where both are, else both as cp1252. No two different texts become the same."""
    try:
        return Encoding.UTF_8, expected.decode(), actual.decode()
    except UnicodeDecodeError:
        return Encoding.CP1252, decode_cp1252(expected), decode_cp1252(actual)


def utf_16_of(head: bytes) -> Encoding | None:
    """The form of UTF-16 that a file has which begins with these bytes, by its mark or its NULs; None where it has none.

    A text has many characters below 256, if only digits, blanks and newlines: their NULs stand on one side of the units. Those
    on the other side, of characters such as 一 (U+4E00), are few. Files of numbers and UTF-32 have NULs on both.
    """
    head = head[:HEAD]
    if head.startswith(_BOM_UTF32_LE):
        return None
    marked = next((encoding for encoding, mark in _MARKS.items() if head.startswith(mark)), None)
    units = len(head) // 2
    first, second = (head[start:2 * units:2].count(0) for start in (0, 1))
    if marked or _tell(second, first, units):
        return marked or Encoding.UTF_16_LE
    return Encoding.UTF_16_BE if _tell(first, second, units) else None


def utf_16_of_log(head: bytes, *, grows: bool) -> Encoding | None:
    """The form of UTF-16 of a log that begins with these bytes; None where it has none.

    It must not become another while the log grows: then its mark alone tells, and else that nearly all characters have a NUL.
    """
    found = utf_16_of(head)
    if found is None or head.startswith(_MARKS[found]):
        return found
    units = len(head) // 2
    nuls = head[1 if found is Encoding.UTF_16_LE else 0::2].count(0)
    return None if grows or units < _SURE_UNITS or 4 * nuls < 3 * units else found


def is_binary(head: bytes) -> bool:
    """Whether a file that begins with these bytes is none of text: a NUL is among the first 4,096, and it is not UTF-16."""
    return b"\0" in head[:BINARY_HEAD] and utf_16_of(head) is None


def _tell(nuls: int, others: int, units: int) -> bool:
    """Whether so many NULs on one side of the units, and so many on the other, are those of a text."""
    return nuls >= 4 * others and (nuls >= 2 and 3 * nuls >= 2 * units or nuls >= 8 and 16 * nuls >= units)


@dataclass(frozen=True, slots=True)
class Reading:
    """How two files are read beside each other: as the same UTF-16, `wide`, where both are that; None leaves it to `decode_pair`.

    `expected_mark` and `actual_mark` are the lengths in bytes of their byte order marks, which belong to no line; a mark of
    UTF-16 in a pair that is not read so is no mark.
    """

    wide: Encoding | None
    expected_mark: int
    actual_mark: int

    @classmethod
    def of(cls, expected: bytes, actual: bytes) -> Reading:
        """The reading of two files that begin with these bytes, at least `HEAD` of them or all; an empty one is in any encoding."""
        found = {utf_16_of(each) for each in (expected, actual) if each}
        wide = found.pop() if len(found) == 1 else None
        mark = BOM_UTF8 if wide is None else _MARKS[wide]
        return cls(wide, *(len(mark) if each.startswith(mark) else 0 for each in (expected, actual)))

    @property
    def bom(self) -> Side | None:
        """Which of the files alone begins with a byte order mark."""
        if bool(self.expected_mark) is bool(self.actual_mark):
            return None
        return "expected" if self.expected_mark else "actual"

    def as_utf_8(self, content: bytes) -> bytes:
        """Content that begins with a whole unit, so that its lines end at the byte of a newline and `decode_pair` reads them."""
        return content if self.wide is None else _transcoded(content, self.wide)

    def line_ends(self, content: bytes) -> tuple[int, int]:
        """How many newlines there are in content that begins with a whole unit, and how many bytes behind the last of them."""
        if self.wide is None:
            return content.count(b"\n"), len(content) - content.rfind(b"\n") - 1
        # Each unit that is no character is replaced by one that is a unit, too.
        text = content.decode(self.wide, "replace")
        return text.count("\n"), len(text[text.rfind("\n") + 1:].encode(self.wide))


def _transcoded(content: bytes, wide: Encoding) -> bytes:
    whole = len(content) & ~1
    text = content[:whole].decode(wide, "surrogatepass")
    upper = content[1 if wide is Encoding.UTF_16_LE else 0:whole:2]
    # To look for halves among bytes is many times faster than among characters.
    if len(upper.translate(None, _HALVES)) < len(upper):
        text = _NO_CHARACTERS.sub(_stand_ins, text)
    return (text + "".join(chr(_LONE_BYTE + byte) for byte in content[whole:])).encode()


def _stand_ins(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    halves = (int.from_bytes(units[start:start + 2], "big") for start in range(0, len(units), 2))
    return "".join(chr(_HALF + half - 0xD800) for half in halves)
