from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.results.failure_code import Severity
from api.domain.results.junit import junit_report
from api.domain.results.result import JudgedTest, OutputReport, Report, TestReports, verdict_of
from api.domain.runs.expected_tests import ExpectedOutput, ExpectedTest
from api.domain.runs.infrastructure import InfrastructureError
from api.domain.runs.infrastructure_code import InfrastructureType
from api.domain.runs.run import Phase, Platform, Run, RunStatus
from tests.builders import NOW
from tests.domain.results.junit_shape import shape_faults

BASE = "https://ci.example.test/api/v1"
BASELINE, OTHER = "a" * 64, "b" * 64


def make_run(status: RunStatus = RunStatus.FAIL, **fields: object) -> Run:
    values = {
        "run_id": 7, "status": status, "platform": Platform.LINUX, "repository": "CCExtractor/ccextractor", "branch": "master",
        "commit": "c" * 40, "pull_request": None, "created_at": NOW, "expected_tests_id": 1, "started_at": NOW + timedelta(seconds=5)}
    return Run(**(values | fields))  # type: ignore[arg-type]


def make_test(
    regression_id: int = 1, *, exit_code: int | None = 0, runtime_ms: int | None = 1250, got: str | None = None, reported: bool = True,
    phase: Phase = Phase.COMPLETED, category: str = "DVB", command: str = "-out=srt",
) -> JudgedTest:
    outputs = (ExpectedOutput(10, BASELINE, ".srt", "", False),)
    test = ExpectedTest(regression_id, 5, "d" * 64, "ts", command, "file", "file", 0, (category,), outputs)
    reports = TestReports(
        Report(regression_id, exit_code, runtime_ms) if reported else None,
        {10: OutputReport(regression_id, 10, got)} if reported else {})
    return JudgedTest(test, reports, verdict_of(test, reports, phase))


def report(tests: Sequence[JudgedTest], run: Run | None = None, errors: Sequence[InfrastructureError] = ()) -> Element:
    root = fromstring(junit_report(run or make_run(), tests, errors, BASE))
    assert shape_faults(root) == []
    return root


@pytest.mark.parametrize(("branch", "told"), [("master", ["master"]), (None, [])])
def test_a_run_without_a_branch_tells_of_none(branch: str | None, told: list[str]) -> None:
    root = report([make_test()], make_run(branch=branch))

    assert [each.get("value") for each in root.iter("property") if each.get("name") == "branch"] == told


def test_a_test_that_passed_has_nothing_but_its_time() -> None:
    root = report([make_test()])

    [case] = root.iter("testcase")

    assert case.attrib == {"name": "1 -out=srt", "classname": "linux.DVB", "time": "1.250"}
    assert list(case) == []


@pytest.mark.parametrize(("test", "element", "kind"), [
    (make_test(got=OTHER), "failure", "OUTPUT_DIFF"), (make_test(got="error"), "failure", "MISSING_OUTPUT"),
    (make_test(exit_code=3), "failure", "EXIT_CODE_MISMATCH"), (make_test(exit_code=139), "error", "SEGFAULT"),
    (make_test(exit_code=124, got="error"), "error", "TIMEOUT"), (make_test(exit_code=3, got=OTHER), "failure", "EXIT_CODE_MISMATCH"),
    (make_test(exit_code=None), "failure", "EXIT_CODE_MISMATCH")])
def test_a_test_that_failed_says_why(test: JudgedTest, element: str, kind: str) -> None:
    root = report([test])

    [problem] = next(root.iter("testcase"))

    assert (problem.tag, problem.get("type")) == (element, kind)
    assert problem.get("message")
    assert f"{BASE}/runs/7/samples/5?regression_id=1" in (problem.text or "")


def test_every_reason_of_a_failure_is_told() -> None:
    root = report([make_test(exit_code=3, got=OTHER)])

    [problem] = next(root.iter("testcase"))

    assert [line.split(":")[0] for line in (problem.text or "").splitlines()][:3] == ["EXIT_CODE_MISMATCH", "OUTPUT_DIFF", "Command"]


@pytest.mark.parametrize("phase", list(Phase))
def test_a_test_without_a_result_is_skipped(phase: Phase) -> None:
    root = report([make_test(reported=False, phase=phase)])

    [problem] = next(root.iter("testcase"))

    assert problem.tag == "skipped"


def test_suites_are_the_categories_and_count_their_cases() -> None:
    root = report([
        make_test(1, category="DVB"), make_test(2, category="708"), make_test(3, category="DVB", got=OTHER),
        make_test(4, category="DVB", exit_code=139), make_test(5, category="DVB", reported=False)])

    counts = [[suite.get(key) for key in ("id", "name", "tests", "failures", "errors", "skipped", "time")] for suite in root]

    assert counts == [["0", "708", "1", "0", "0", "0", "1.250"], ["1", "DVB", "4", "1", "1", "1", "3.750"]]


def test_a_suite_tells_of_the_run() -> None:
    [suite] = report([make_test()])

    told = {each.get("name"): each.get("value") for each in suite.iter("property")}

    assert told == {
        "run_id": "7", "status": "fail", "platform": "linux", "repository": "CCExtractor/ccextractor", "commit_sha": "c" * 40,
        "branch": "master"}
    assert (suite.get("timestamp"), suite.get("hostname")) == ("2026-11-21T12:00:05", "linux")


@pytest.mark.parametrize("status", [RunStatus.CANCELED, RunStatus.ERROR, RunStatus.INCOMPLETE])
def test_a_run_that_did_not_do_all_it_was_to_do_never_looks_green(status: RunStatus) -> None:
    trouble = InfrastructureError("event-1", InfrastructureType.BUILD, Severity.CRITICAL, "make failed", NOW)

    suite = report([make_test(reported=False)], make_run(status), [trouble])[-1]

    [problem] = next(suite.iter("testcase"))
    assert (suite.get("name"), suite.get("errors"), problem.tag, problem.text) == ("run", "1", "error", "build: make failed")


@pytest.mark.parametrize(("status", "message"), [
    (RunStatus.QUEUED, "The run has not begun yet."), (RunStatus.RUNNING, "The run is not over yet.")])
def test_a_run_that_is_not_over_says_so_in_a_case_that_is_skipped(status: RunStatus, message: str) -> None:
    suite = report([make_test()], make_run(status))[-1]

    [problem] = next(suite.iter("testcase"))
    counts = [suite.get(key) for key in ("name", "tests", "failures", "errors", "skipped")]
    assert counts == ["run", "1", "0", "0", "1"]
    assert (problem.tag, problem.get("message")) == ("skipped", message)


@pytest.mark.parametrize("status", [RunStatus.PASS, RunStatus.FAIL])
def test_other_runs_are_their_tests(status: RunStatus) -> None:
    assert [suite.get("name") for suite in report([make_test()], make_run(status))] == ["DVB"]


def test_a_run_without_tests_is_an_empty_report() -> None:
    assert list(report([], make_run(RunStatus.PASS))) == []


any_text = st.text() | st.text(st.characters(categories=["Cc", "Cs", "Cn"])) | st.sampled_from([
    "]]>", "<![CDATA[", "&lt;", "<failure/>", '"', "\0", "\ud800", "\ufffe", "<!ENTITY a 'b'>", " \r\n ", "", "x" * 5000])


@given(any_text, any_text, any_text, any_text, any_text)
def test_no_text_breaks_the_report(category: str, command: str, branch: str, message: str, environment: str) -> None:
    trouble = InfrastructureError("event-1", InfrastructureType.BUILD, Severity.CRITICAL, message, NOW)
    run = make_run(RunStatus.CANCELED, branch=branch, environment_id=environment)

    root = report([make_test(category=category, command=command, got=OTHER)], run, [trouble])

    assert [len(suite.findall("testcase")) for suite in root] == [1, 1]
    assert re.search("Command: ", next(root.iter("failure")).text or "")
