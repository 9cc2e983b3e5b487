"""What is read from JUnit reports, which jobs write and so may hold anything."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.job_report import DEEPEST, MESSAGE_LENGTH, MOST_FAILED, FailedTest, JobReport, NoReport, read_report

PYTEST = b"""<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="1" skipped="1" tests="4" time="0.5">
<testcase classname="test_a" name="test_good" time="0.25" />
<testcase classname="test_a" name="test_bad" time="0.125"><properties/><failure message="assert 1 == 2">def test_bad():</failure></testcase>
<testcase classname="test_a" name="test_skipped" time="0"><skipped type="pytest.skip" message="not here" /></testcase>
<testcase classname="" name="test_b" time="oops"><error message="collection failure">no</error><system-out>x</system-out></testcase>
</testsuite></testsuites>
"""
BOMB = b"""<!DOCTYPE a [<!ENTITY x "boom"><!ENTITY y "&x;&x;&x;">]><testsuite name="&y;"/>"""
OUTSIDE = b"""<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><testsuite name="&x;"/>"""


def test_a_report_of_pytest_is_counted() -> None:
    report = read_report([PYTEST])

    assert report == JobReport(4, 1, 1, 1, 0.375, [
        FailedTest("test_bad", "test_a", "assert 1 == 2"), FailedTest("test_b", "", "collection failure")])


def test_a_report_is_written_as_json() -> None:
    assert JobReport(2, 1, 0, 0, 0.12345, [FailedTest("n", "c", "m")]).as_json() == {
        "tests": 2, "failures": 1, "errors": 0, "skipped": 0, "seconds": 0.123, "failed": [{"name": "n", "classname": "c", "message": "m"}]}


def test_a_case_counts_once_whatever_stands_in_it() -> None:
    report = read_report([b'<testsuite><testcase name="a"><failure message="1"/><error/><skipped/></testcase><failure/></testsuite>'])

    assert (report.failures, report.errors, report.skipped, len(report.failed)) == (1, 0, 0, 1)


@given(st.integers(min_value=1, max_value=200))
def test_it_makes_no_difference_where_the_pieces_end(size: int) -> None:
    assert read_report(PYTEST[at:at + size] for at in range(0, len(PYTEST), size)) == read_report([PYTEST])


@pytest.mark.parametrize("content", [BOMB, OUTSIDE, b"<!DOCTYPE testsuite><testsuite/>"])
def test_a_file_with_a_document_type_is_not_read(content: bytes) -> None:
    with pytest.raises(NoReport, match="document type"):
        read_report([content])


@pytest.mark.parametrize("content", [
    b"", b"no xml", b"<testsuite>", b"<testsuite/><testsuite/>", b"<testsuite>&x;</testsuite>", b"\xff\xfe\x00",
    b'<?xml version="1.0" encoding="klingon"?><testsuite/>'])
def test_what_is_no_xml_is_not_read(content: bytes) -> None:
    with pytest.raises(NoReport):
        read_report([content])


def test_what_is_no_report_is_not_read() -> None:
    with pytest.raises(NoReport, match="JUnit"):
        read_report([b"<coverage/>"])


def test_a_file_of_great_depth_is_not_read() -> None:
    with pytest.raises(NoReport, match="deep"):
        read_report([b"<testsuite>" * (DEEPEST + 1)])


def test_of_many_failures_the_first_are_kept_and_all_are_counted() -> None:
    cases = b'<testcase name="t"><failure/></testcase>' * (MOST_FAILED + 5)

    report = read_report([b"<testsuite>", cases, b"</testsuite>"])

    assert (report.failures, len(report.failed)) == (MOST_FAILED + 5, MOST_FAILED)


def test_a_long_message_is_cut() -> None:
    report = read_report([b'<testsuite><testcase name="t"><error message="' + b"m" * 9000 + b'"/></testcase></testsuite>'])

    assert len(report.failed[0].message) == MESSAGE_LENGTH


@pytest.mark.parametrize("time", [b"-1", b"nan", b"inf", b"1e300", b"x"])
def test_a_time_that_is_none_counts_as_nothing(time: bytes) -> None:
    assert read_report([b'<testsuite><testcase time="' + time + b'"/></testsuite>']).seconds == 0.0
