"""The real CCExtractor as a writer: cues become line 21's bytes (CEA-608), of which it makes its formats with its own options."""
from __future__ import annotations

import re
import struct
import subprocess
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pycaption.scc.constants import CHARACTER_TO_CODE, SPECIAL_OR_EXTENDED_CHAR_TO_CODE, SUBSTITUTE_CHARACTERS

# The options of each format, by the corpus's word for it.
FORMATS = {
    "srt": ("-out=srt",), "vtt": ("-out=webvtt",), "ttxt": ("-out=ttxt",), "smptett": ("-out=smptett",), "sami": ("-out=sami",),
    "ass": ("-out=ass",), "txt": ("-out=txt",), "bin": ("-out=bin",), "ucla": ("-out=ttxt", "-UCLA", "-unixts", "1455000000")}
# What the corpus's causes are among its options: those that every test has but not with the cause, and those that a cause adds.
_WITHOUT = {"crlf": "-lf", "trail-space": "-trim", "rollup-dup": "-noru"}
_WITH = {"bom": ("-bom",), "latin1": ("-latin1",), "colour-lost": ("-nofc",), "version": ("-sc",)}
_ROLL_UP_KIND = "CEA-608 roll-up"
_HEAD = b"\xcc\xcc\xed\xcc\x00\x52\x00\x01\x00\x00\x00"
_LOAD, _ROLL_UP, _CLEAR, _ERASE, _RETURN, _SHOW = (b"\x14" + bytes([low]) for low in (0x20, 0x25, 0x2E, 0x2C, 0x2D, 0x2F))
_ROWS = (0x1140, 0x1160, 0x1240, 0x1260, 0x1540, 0x1560, 0x1640, 0x1660, 0x1740, 0x1760, 0x1040, 0x1340, 0x1360, 0x1440, 0x1460)
_TAG = re.compile(r"<(/?)(i|font)[^<>]{0,100}?(#[0-9a-f]{6})?\"?>")
_STYLES = {"#00ff00": 1, "#00ffff": 3, "#ffff00": 5, "i": 7}
_COLUMNS = 30
# A change of style is held as one character, as it takes one column.
_STYLE = 0xE000


class CCExtractor:
    """A built program of CCExtractor: what it writes of cues, by the test's format and what its options make of the causes."""

    def __init__(self, program: Path) -> None:
        self._program = program
        self._written: dict[tuple[bytes, tuple[str, ...]], bytes] = {}

    @staticmethod
    def _cues(test: dict[str, Any], causes: Mapping[str, dict[str, Any]], context: dict[str, Any]) -> list[Any]:
        """The cues that it is given: causes that are no options of it change them."""
        cues = [[start, end, list(lines)] for start, end, lines in test["cues"]]
        for name, cause in causes.items():
            if "cues" in cause and name not in _WITHOUT:
                cues = cause["cues"](cues, test, context)
        return cues

    def written(self, test: dict[str, Any], causes: Mapping[str, dict[str, Any]], context: dict[str, Any]) -> bytes:
        """What it writes; nothing where it found no captions."""
        options = [*FORMATS[test["fmt"]], *(option for cause, option in _WITHOUT.items() if cause not in causes)]
        options += [option for cause in causes for option in _WITH.get(cause, ())]
        key = file_of(self._cues(test, causes, context), test["kind"] == _ROLL_UP_KIND), tuple(options)
        if key not in self._written:
            self._written[key] = self._run(*key)
        return self._written[key]

    def _run(self, given: bytes, options: Sequence[str]) -> bytes:
        with TemporaryDirectory() as folder:
            source, output = Path(folder, "given.bin"), Path(folder, "output")
            source.write_bytes(given)
            subprocess.run([self._program, "-in=bin", source, *options, "-o", output], capture_output=True, check=True)
            return output.read_bytes() if output.exists() else b""


def file_of(cues: Sequence[Sequence[Any]], is_roll_up: bool) -> bytes:
    """A file of raw captions: at each time what is sent then. A cue is sent a second before it is shown, and gone when the next one is."""
    sent: list[tuple[int, bytes]] = []
    before = 0
    for (start, end, lines), (following, _, _) in pairwise([*cues, (1 << 40, 0, ())]):
        start = max(1, start)
        rows = [row for line in lines for row in textwrap.wrap(_TAG.sub(_style, line), _COLUMNS)]
        if is_roll_up:
            sent.append((start, b"".join(_ROLL_UP + _RETURN + row for row in _rows(rows, [15] * len(rows)))))
        else:
            sent.append((max(before, start - 1000), _LOAD + _CLEAR + b"".join(_rows(rows, range(16 - len(rows), 16)))))
            sent.append((start, _SHOW))
        sent.append((max(start + 1, min(end, following)), _ERASE))
        before = start
    return _HEAD + b"".join(_record(at, pairs) for at, pairs in sorted(sent, key=itemgetter(0)))


def _record(at: int, pairs: bytes) -> bytes:
    sent = bytes(byte if byte.bit_count() % 2 else byte | 0x80 for byte in pairs)
    return struct.pack("<qH", at, len(sent) // 2) + b"".join(b"\x04" + sent[place:place + 2] for place in range(0, len(sent), 2))


def _style(tag: re.Match[str]) -> str:
    return chr(_STYLE + (0 if tag[1] else _STYLES.get(tag[3] or tag[2], 0)))


def _rows(rows: Sequence[str], places: Iterable[int]) -> Iterator[bytes]:
    """The bytes of each row; a style lasts until the next, and is said anew in each row."""
    style = ""
    for row, place in zip(rows, places, strict=True):
        pairs = struct.pack(">H", _ROWS[place - 1])
        text = row if row[:1] >= chr(_STYLE) else style + row
        for character in text:
            code = _code(character)
            pairs += b"\0" if len(code) > 1 and len(pairs) % 2 else b""
            pairs += code
            style = character if character >= chr(_STYLE) else style
        yield pairs + b"\0" * (len(pairs) % 2)


@cache
def _code(character: str) -> bytes:
    if character >= chr(_STYLE):
        return bytes([0x11, 0x20 + 2 * (ord(character) - _STYLE)])
    found = CHARACTER_TO_CODE.get(character) or SPECIAL_OR_EXTENDED_CHAR_TO_CODE.get(character) or CHARACTER_TO_CODE["?"]
    code = bytes(byte & 0x7F for byte in bytes.fromhex(found))
    # A further character takes the place of the plain one before it.
    return _code(SUBSTITUTE_CHARACTERS.get(character, " ")[0]) + b"\0" + code if code[0] in (0x12, 0x13) else code
