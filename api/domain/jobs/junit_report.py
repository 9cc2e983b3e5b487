"""Parses JUnit reports, which are not trusted: counts and failed tests."""
from __future__ import annotations

import codecs
import math
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any
from xml.parsers import expat

MAX_FAILED = 1000
NAME_LENGTH, MESSAGE_LENGTH = 1000, 4000
MAX_DEPTH = 100
MAX_SECONDS = 1e9
BAD = ("error", "failure")
# Where a test was not run without a word of `skipped`: GoogleTest's and CTest's ways to say it.
NOT_RUN = {"status": ("notrun", "disabled", "skipped"), "result": ("suppressed", "skipped")}
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
_THOUSANDS = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3}){1,5}(?:\.[0-9]{0,20})?")


class NoReport(Exception):
    """The file is no JUnit report that we read."""


@dataclass(frozen=True, slots=True)
class FailedTest:
    """A test that failed, or could not be run."""

    name: str
    classname: str
    message: str


@dataclass(slots=True)
class JobReport:
    """The counts of a report, and its failed tests, as many as are kept; not `complete` where the file breaks off."""

    tests: int = 0
    failures: int = 0
    errors: int = 0
    skipped: int = 0
    seconds: float = 0.0
    failed: list[FailedTest] = field(default_factory=list)
    complete: bool = True

    def as_json(self) -> dict[str, Any]:
        """The report as it stands in a manifest."""
        failed = [{"name": each.name, "classname": each.classname, "message": each.message} for each in self.failed]
        return {
            "tests": self.tests, "failures": self.failures, "errors": self.errors, "skipped": self.skipped,
            "seconds": round(self.seconds, 3), "failed": failed, "complete": self.complete}


def read_report(chunks: Iterable[bytes]) -> JobReport:
    """Read a report piece by piece; what stands before the place where one breaks off counts.

    Raises NoReport for what is no XML, is something else, or declares a document type or entities.
    """
    reader = _Reader()
    # The text is encoded anew, so that the parser need not know what it was written in.
    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    # Without a document type there are no entities either, so that nothing can be fetched and nothing multiplies.
    parser.StartDoctypeDeclHandler = _refuse
    try:
        for text in _allowed(_decoded(chunks)):
            parser.Parse(text.encode("utf-8"), False)
        parser.Parse(b"", True)
    except (expat.ExpatError, ValueError, LookupError) as wrong:
        if reader.report == JobReport():
            raise NoReport("not an XML file") from wrong
        reader.break_off()
    return reader.report


def _refuse(*_: object) -> None:
    raise NoReport("an XML file with a document type")


def _decoded(chunks: Iterable[bytes]) -> Iterator[str]:
    """The text, by its mark or its declaration; what is damaged in it is replaced. Raises LookupError for an unknown encoding."""
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


class _Reader:
    """Counts test cases as they go by: one is the first failure or error in it, else skipped where it says so, else passed."""

    def __init__(self) -> None:
        self.report = JobReport()
        self._path: list[str] = []
        self._suite: Mapping[str, str] = {}
        self._case: Mapping[str, str] | None = None
        self._bad: str | None = None
        self._skipped = False
        self._message = self._content = ""

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if not self._path and name not in ("testsuites", "testsuite"):
            raise NoReport("not a JUnit report")
        if len(self._path) == MAX_DEPTH:
            raise NoReport("an XML file that is nested too deeply")
        self._path.append(name)
        if name == "testsuite":
            self._suite = attributes
        elif name == "testcase":
            self._begin_case(attributes)
        elif self._case is not None:
            self._judge(name, attributes)
        elif name == "error":
            # A suite that could not be run has an error of its own, and perhaps no test.
            self._begin_case(self._suite)
            self._judge(name, attributes)

    def break_off(self) -> None:
        """The file ends here; a test whose failure has begun has failed."""
        self.report.complete = False
        if self._case is not None:
            self._end_case(self._case)

    def text(self, text: str) -> None:
        """A failure without a message is told by its text."""
        if self._case is not None and self._path[-1] == self._bad and not self._message and len(self._content) < MESSAGE_LENGTH:
            self._content += text

    def end(self, name: str) -> None:
        self._path.pop()
        if self._case is not None and (name == "testcase" or (name in BAD and "testcase" not in self._path)):
            self._end_case(self._case)

    def _begin_case(self, attributes: Mapping[str, str]) -> None:
        # The error of a suite is none of its tests.
        if "testcase" in self._path:
            self.report.tests += 1
            self.report.seconds += _seconds(attributes.get("time", ""))
        self._case, self._bad = attributes, None
        self._skipped = any(attributes.get(name, "").lower() in words for name, words in NOT_RUN.items())

    def _judge(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "skipped":
            self._skipped = True
        elif name in BAD and self._bad is None:
            self._bad, self._message, self._content = name, attributes.get("message", ""), ""

    def _end_case(self, case: Mapping[str, str]) -> None:
        if self._bad and len(self.report.failed) < MAX_FAILED:
            message = self._message or self._content.strip()
            self.report.failed.append(FailedTest(
                case.get("name", "")[:NAME_LENGTH], case.get("classname", "")[:NAME_LENGTH], message[:MESSAGE_LENGTH]))
        self.report.errors += self._bad == "error"
        self.report.failures += self._bad == "failure"
        self.report.skipped += self._skipped and self._bad is None
        self._case = None


def _seconds(text: str) -> float:
    """A number of seconds; with commas between thousands, or for the point, as programs write it for people."""
    text = text.replace(",", "") if _THOUSANDS.fullmatch(text) else text.replace(",", ".")
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if math.isfinite(value) and 0 <= value <= MAX_SECONDS else 0.0
