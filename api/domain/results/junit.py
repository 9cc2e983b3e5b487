"""A run as a JUnit report that fits both Ant's schema and Jenkins'."""
from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from api.domain.display_bounds import cut
from api.domain.results.failure import Failure, failures_of, message_of
from api.domain.results.failure_code import FailureType
from api.domain.results.result import JudgedTest, Verdict
from api.domain.runs.expected_tests import ExpectedTest
from api.domain.runs.infrastructure import InfrastructureError
from api.domain.runs.run import Run, RunStatus

NAME_LENGTH = 300
# What XML 1.0 has no way to write, not even as a number.
NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
NO_RESULT = "The run ended without a result of this test."
NOT_YET = "There is no result of this test yet."
UNFINISHED: Mapping[RunStatus, str] = {
    RunStatus.CANCELED: "The run was canceled.",
    RunStatus.ERROR: "The run ended without a single result.",
    RunStatus.INCOMPLETE: "The run ended before all tests had a result.",
}
NOT_OVER: Mapping[RunStatus, str] = {
    RunStatus.QUEUED: "The run has not begun yet.",
    RunStatus.RUNNING: "The run is not over yet.",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What stands in a case that did not pass: its element, kind, message and text."""

    element: str
    kind: str
    message: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """A line of the report."""

    name: str
    runtime_ms: int
    problem: Problem | None


def junit_report(run: Run, judged: Iterable[JudgedTest], infrastructure: Sequence[InfrastructureError], base: str) -> bytes:
    """The report in UTF-8: a suite for each category, a case for each test; `base` is where absolute links start.

    A run that did not do all it was to do has a suite of its own with an error in it, so that it never looks green; of one that
    is not over, that suite says so as a case that is skipped.
    """
    categories: defaultdict[str, list[JudgedTest]] = defaultdict(list)
    for test in judged:
        categories[test.test.category].append(test)
    suites = [(name, [_case(run, test, base) for test in tests]) for name, tests in sorted(categories.items())]
    if run.status in UNFINISHED or run.status in NOT_OVER:
        suites.append(("run", [_whole(run, infrastructure)]))
    root = Element("testsuites")
    for number, (name, cases) in enumerate(suites):
        _add_suite(root, number, run, _token(name), cases)
    indent(root)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True))


def _case(run: Run, judged: JudgedTest, base: str) -> Case:
    report = judged.reports.report
    runtime = 0 if report is None else max(0, report.runtime_ms or 0)
    return Case(f"{judged.test.regression_id} {judged.test.command}", runtime, _problem(run, judged, base))


def _problem(run: Run, judged: JudgedTest, base: str) -> Problem | None:
    if judged.verdict is Verdict.PASS:
        return None
    if not judged.verdict.is_failure:
        return Problem("skipped", "", NO_RESULT if judged.verdict is Verdict.SKIPPED else NOT_YET)
    failures = failures_of(judged)
    # A program that was ended did not get to the point of being right or wrong.
    ended = any(failure.code.type is FailureType.TEST_FAILURE for failure in failures)
    text = _text(run, judged.test, failures, base)
    return Problem("error" if ended else "failure", failures[0].code.value, message_of(failures[0]), text)


def _text(run: Run, test: ExpectedTest, failures: Sequence[Failure], base: str) -> str:
    return "\n".join((
        *(f"{failure.code.value}: {message_of(failure)}" for failure in failures),
        f"Command: {test.command}", f"Sample: {test.sample_sha}",
        f"{base}/runs/{run.run_id}/samples/{test.sample_id}?regression_id={test.regression_id}"))


def _whole(run: Run, infrastructure: Sequence[InfrastructureError]) -> Case:
    """What is to be said of a run as a whole that is not over, or ended early."""
    told = "\n".join(f"{error.type.value}: {error.message}" for error in infrastructure)
    if run.status in NOT_OVER:
        return Case(f"run {run.run_id}", 0, Problem("skipped", "", NOT_OVER[run.status], told))
    return Case(f"run {run.run_id}", run.duration_ms or 0, Problem("error", run.status.value, UNFINISHED[run.status], told))


def _add_suite(root: Element, number: int, run: Run, name: str, cases: Sequence[Case]) -> None:
    kinds = [case.problem.element if case.problem else "" for case in cases]
    suite = SubElement(root, "testsuite", {
        "name": name, "package": run.platform.value, "id": str(number), "hostname": _token(run.environment_id or run.platform.value),
        "timestamp": (run.started_at or run.created_at).strftime("%Y-%m-%dT%H:%M:%S"), "tests": str(len(cases)),
        "failures": str(kinds.count("failure")), "errors": str(kinds.count("error")), "skipped": str(kinds.count("skipped")),
        "time": _seconds(sum(case.runtime_ms for case in cases))})
    properties = SubElement(suite, "properties")
    for key, value in _properties(run):
        SubElement(properties, "property", {"name": key, "value": _safe(value)})
    for case in cases:
        _add_case(suite, f"{run.platform.value}.{name}", case)
    SubElement(suite, "system-out")
    SubElement(suite, "system-err")


def _properties(run: Run) -> Iterable[tuple[str, str]]:
    yield "run_id", str(run.run_id)
    yield "status", run.status.value
    yield "platform", run.platform.value
    yield "repository", run.repository
    yield "commit_sha", run.commit
    if run.branch is not None:
        yield "branch", run.branch


def _add_case(suite: Element, classname: str, case: Case) -> None:
    element = SubElement(suite, "testcase", {
        "name": _token(cut(case.name, NAME_LENGTH)), "classname": classname, "time": _seconds(case.runtime_ms)})
    if case.problem is not None:
        attributes = {"message": _safe(case.problem.message)} | ({"type": case.problem.kind} if case.problem.kind else {})
        SubElement(element, case.problem.element, attributes).text = _safe(case.problem.text) or None


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds // 1000}.{milliseconds % 1000:03d}"


def _token(text: str) -> str:
    return " ".join(_safe(text).split()) or "-"


def _safe(text: str) -> str:
    return NO_XML.sub("\ufffd", text)
