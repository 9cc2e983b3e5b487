"""Parses JUnit reports, which are not trusted: counts and failed tests."""
from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from xml.parsers import expat

from api.domain.jobs.xml_text import readable_text

MAX_FAILED = 1000
NAME_LENGTH, MESSAGE_LENGTH = 1000, 4000
# How many bytes the names and messages of all failed tests may have together: a machine sends them in one request.
MAX_TEXT = 512 << 10
MAX_DEPTH = 100
MAX_SECONDS = 1e9
SUITES = ("testsuites", "testsuite")
# The words of a case that is bad, the worst first.
BAD = ("error", "failure")
# By which attribute a suite tells of such cases.
TOLD = {"error": "errors", "failure": "failures"}
# What go-junit-report and others write where the text tells more.
NO_MESSAGE = frozenset({"", "failed", "failure", "error", "build error", "runtime error"})
# What is left of the colours of a terminal, whose first character no XML has.
_COLOUR = re.compile(r"\ufffd\[[0-9;]{0,30}m")
# Where a test was not run without a word of `skipped`: GoogleTest's and CTest's ways to say it.
NOT_RUN = {"status": ("notrun", "disabled", "skipped"), "result": ("suppressed", "skipped")}
_TOLD_SOME = re.compile(r"0{0,9}[1-9][0-9]{0,9}")
_THOUSANDS = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3}){1,5}(?:\.[0-9]{0,20})?")


class NoReport(Exception):
    """The file is no JUnit report that we read."""


class _TooDeep(Exception):
    """From here on the file is not read."""


@dataclass(frozen=True, slots=True)
class FailedTest:
    """A test that failed, or could not be run."""

    name: str
    classname: str
    message: str

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return len(f"{self.name}{self.classname}{self.message}".encode())

    def within(self, size: int) -> FailedTest | None:
        """The same with as much of its message as there is room for; None where there is none for its names."""
        room = size - replace(self, message="").size
        return None if room < 0 else replace(self, message=self.message.encode()[:room].decode(errors="ignore"))


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
    text_bytes: int = field(default=0, compare=False)

    @property
    def failed_count(self) -> int:
        """How many tests failed, or could not be run."""
        return self.failures + self.errors

    def add(self, other: JobReport) -> None:
        """Count the tests of another report too, as where a program writes one for each suite."""
        self.tests += other.tests
        self.failures += other.failures
        self.errors += other.errors
        self.skipped += other.skipped
        self.seconds += other.seconds
        for each in other.failed:
            self.keep(each)
        self.complete = self.complete and other.complete

    def keep(self, test: FailedTest) -> None:
        """Name a failed test, while there is room for more."""
        kept = test.within(MAX_TEXT - self.text_bytes) if len(self.failed) < MAX_FAILED else None
        if kept is not None:
            self.failed.append(kept)
            self.text_bytes += kept.size

    def as_json(self) -> dict[str, Any]:
        """The report as it stands in a manifest."""
        failed = [{"name": each.name, "classname": each.classname, "message": each.message} for each in self.failed]
        return {
            "tests": self.tests, "failures": self.failures, "errors": self.errors, "skipped": self.skipped,
            "seconds": round(min(self.seconds, MAX_SECONDS), 3), "failed": failed, "incomplete": not self.complete}


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
        for text in readable_text(chunks):
            parser.Parse(text.encode("utf-8"), False)
        parser.Parse(b"", True)
    except (expat.ExpatError, ValueError, LookupError, _TooDeep) as wrong:
        if reader.report == JobReport():
            raise NoReport(str(wrong) if isinstance(wrong, _TooDeep) else "not an XML file") from wrong
        reader.break_off()
    return reader.report


def _refuse(*_: object) -> None:
    raise NoReport("an XML file with a document type")


class _Reader:
    """Counts test cases as they go by: the worst word in one is its outcome, error before failure before skipped; else it passed."""

    def __init__(self) -> None:
        self.report = JobReport()
        # The names of the open elements; of a suite also whether there was anything in it to count.
        self._path: list[str] = []
        self._suites: list[Mapping[str, str]] = []
        self._counted: list[int] = []
        self._case: Mapping[str, str] | None = None
        self._bad: str | None = None
        self._skipped = False
        # What is said of a failure: in the first attribute that says something, in any, in the text.
        self._message = self._stated = self._content = ""

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        name = _local(name)
        if not self._path and name not in SUITES:
            raise NoReport("not a JUnit report")
        if len(self._path) == MAX_DEPTH:
            raise _TooDeep("an XML file that is nested too deeply")
        self._path.append(name)
        if name in SUITES:
            self._suites.append(attributes)
            self._counted.append(self._total)
        elif name == "testcase":
            self._begin_case(attributes)
        elif self._case is not None:
            self._judge(name, attributes)
        elif name in BAD and self._path[-2] in SUITES:
            # A suite that could not be run has an error of its own, and perhaps no test.
            self._begin_case(self._suites[-1])
            self._judge(name, attributes)

    def break_off(self) -> None:
        """The file ends here; a test whose failure has begun has failed."""
        self.report.complete = False
        if self._case is not None:
            self._end_case(self._case)

    def text(self, text: str) -> None:
        """A failure without a message is told by its text."""
        if self._case is not None and self._path[-1] in BAD and not self._message and len(self._content) < MESSAGE_LENGTH:
            self._content += text

    def end(self, name: str) -> None:
        name = self._path.pop()
        if name in BAD and self._case is not None:
            self._message, self._content = self._message or self._content.strip(), ""
        if self._case is not None and (name == "testcase" or (name in BAD and "testcase" not in self._path)):
            self._end_case(self._case)
        if name in SUITES:
            self._end_suite(self._suites.pop(), self._counted.pop())

    @property
    def _total(self) -> int:
        return self.report.tests + self.report.failed_count

    def _begin_case(self, attributes: Mapping[str, str]) -> None:
        # The error of a suite is none of its tests.
        if "testcase" in self._path:
            self.report.tests += 1
            self.report.seconds += _seconds(attributes.get("time", ""))
        self._case, self._bad, self._message, self._stated, self._content = attributes, None, "", "", ""
        self._skipped = any(attributes.get(name, "").lower() in words for name, words in NOT_RUN.items())

    def _judge(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "skipped":
            self._skipped = True
        elif name in BAD:
            self._bad = "error" if "error" in (name, self._bad) else name
            message = attributes.get("message", "")
            # What went wrong first is the message; what it led to is not.
            self._stated = self._stated or message
            self._message = self._message or ("" if message.strip().lower() in NO_MESSAGE else message)

    def _end_case(self, case: Mapping[str, str]) -> None:
        if self._bad:
            self._fail(self._bad, case, self._message or self._content or self._stated)
        self.report.skipped += self._skipped and self._bad is None
        self._case = None

    def _end_suite(self, suite: Mapping[str, str], counted_before: int) -> None:
        """A suite that tells of errors, and has no test, could not be run."""
        if self._total == counted_before:
            for word, count in TOLD.items():
                if _TOLD_SOME.fullmatch(suite.get(count, "")):
                    self._fail(word, suite, "The suite could not be run.")
                    return

    def _fail(self, word: str, case: Mapping[str, str], message: str) -> None:
        self.report.keep(FailedTest(
            case.get("name", "")[:NAME_LENGTH], case.get("classname", "")[:NAME_LENGTH],
            _COLOUR.sub("", message).strip()[:MESSAGE_LENGTH]))
        self.report.errors += word == "error"
        self.report.failures += word == "failure"


def _local(name: str) -> str:
    """An element's name without the prefix of its namespace."""
    return name.rpartition(":")[2]


def _seconds(text: str) -> float:
    """A number of seconds; with commas between thousands, or for the point, as programs write it for people."""
    text = text.replace(",", "") if _THOUSANDS.fullmatch(text) else text.replace(",", ".")
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if math.isfinite(value) and 0 <= value <= MAX_SECONDS else 0.0
