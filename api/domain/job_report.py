"""What a JUnit report says, from whoever wrote it: counts and failed tests, and nothing that an XML file could do to its reader."""
from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

MOST_FAILED = 1000
NAME_LENGTH, MESSAGE_LENGTH = 1000, 4000
DEEPEST = 100
MOST_SECONDS = 1e9
BAD = ("error", "failure")


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
    """The counts of a report, and its failed tests, as many as are kept."""

    tests: int = 0
    failures: int = 0
    errors: int = 0
    skipped: int = 0
    seconds: float = 0.0
    failed: list[FailedTest] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The report as it stands in a manifest."""
        failed = [{"name": each.name, "classname": each.classname, "message": each.message} for each in self.failed]
        return {
            "tests": self.tests, "failures": self.failures, "errors": self.errors, "skipped": self.skipped,
            "seconds": round(self.seconds, 3), "failed": failed}


def read_report(chunks: Iterable[bytes]) -> JobReport:
    """Read a report piece by piece. Raises NoReport for what is no XML, is something else, or declares a document type or entities."""
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    # Without a document type there are no entities either, so that nothing can be fetched and nothing multiplies.
    parser.StartDoctypeDeclHandler = _refuse
    try:
        for chunk in chunks:
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except (expat.ExpatError, ValueError, LookupError) as wrong:
        raise NoReport("not an XML file") from wrong
    return reader.report


def _refuse(*_: object) -> None:
    raise NoReport("an XML file with a document type")


class _Reader:
    """Counts test cases as they go by. A case is what stands in it at first: a failure, an error, a skip or nothing."""

    def __init__(self) -> None:
        self.report = JobReport()
        self._path: list[str] = []
        self._case: Mapping[str, str] | None = None
        self._is_judged = False

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if not self._path and name not in ("testsuites", "testsuite"):
            raise NoReport("not a JUnit report")
        if len(self._path) == DEEPEST:
            raise NoReport("an XML file that is nested too deeply")
        self._path.append(name)
        if name == "testcase":
            self.report.tests += 1
            self.report.seconds += _seconds(attributes.get("time", ""))
            self._case, self._is_judged = attributes, False
        elif self._case is not None and not self._is_judged:
            self._judge(self._case, name, attributes)

    def end(self, name: str) -> None:
        self._path.pop()
        if name == "testcase":
            self._case = None

    def _judge(self, case: Mapping[str, str], name: str, attributes: Mapping[str, str]) -> None:
        if name == "skipped":
            self.report.skipped += 1
        elif name == "failure":
            self.report.failures += 1
        elif name == "error":
            self.report.errors += 1
        else:
            return
        self._is_judged = True
        if name in BAD and len(self.report.failed) < MOST_FAILED:
            self.report.failed.append(FailedTest(
                case.get("name", "")[:NAME_LENGTH], case.get("classname", "")[:NAME_LENGTH],
                attributes.get("message", "")[:MESSAGE_LENGTH]))


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if math.isfinite(value) and 0 <= value <= MOST_SECONDS else 0.0
