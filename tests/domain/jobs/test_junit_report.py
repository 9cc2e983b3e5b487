"""What is read from JUnit reports, which jobs write and so may hold anything."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.jobs.junit_report import MAX_DEPTH, MAX_FAILED, MAX_TEXT, MESSAGE_LENGTH, FailedTest, JobReport, NoReport, read_report

PYTEST = b"""<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="1" skipped="1" tests="4" time="0.5">
<testcase classname="test_a" name="test_good" time="0.25" />
<testcase classname="test_a" name="test_bad" time="0.125"><properties/><failure message="assert 1 == 2">def test_bad():</failure></testcase>
<testcase classname="test_a" name="test_skipped" time="0"><skipped type="pytest.skip" message="not here" /></testcase>
<testcase classname="" name="test_b" time="oops"><error message="collection failure">no</error><system-out>x</system-out></testcase>
</testsuite></testsuites>
"""
BOMB = b"""<!DOCTYPE a [<!ENTITY x "boom"><!ENTITY y "&x;&x;&x;">]><testsuite name="&y;"/>"""
NOT_RUN = "The suite could not be run."
OUTSIDE = b"""<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><testsuite name="&x;"/>"""


def test_a_report_of_pytest_is_counted() -> None:
    report = read_report([PYTEST])

    assert report == JobReport(4, 1, 1, 1, 0.375, [
        FailedTest("test_bad", "test_a", "assert 1 == 2"), FailedTest("test_b", "", "collection failure")])


def test_a_report_is_written_as_json() -> None:
    assert JobReport(2, 1, 0, 0, 0.12345, [FailedTest("n", "c", "m")]).as_json() == {
        "tests": 2, "failures": 1, "errors": 0, "skipped": 0, "seconds": 0.123, "failed": [{"name": "n", "classname": "c", "message": "m"}],
        "incomplete": False}


@pytest.mark.parametrize(("words", "outcome"), [
    ("<failure/><error/><skipped/>", (0, 1, 0)), ("<error/><failure/>", (0, 1, 0)), ("<skipped/><failure/>", (1, 0, 0)),
    ("<skipped/><properties/>", (0, 0, 1)), ("<system-out>error</system-out>", (0, 0, 0))])
def test_a_case_counts_once_by_the_worst_word_in_it(words: str, outcome: tuple[int, int, int]) -> None:
    report = read(f'<testcase name="a">{words}</testcase>')

    assert (report.failures, report.errors, report.skipped) == outcome
    assert (report.tests, len(report.failed)) == (1, report.failed_count)


@given(st.integers(min_value=1, max_value=200))
def test_it_makes_no_difference_where_the_pieces_end(size: int) -> None:
    assert read_report(PYTEST[at:at + size] for at in range(0, len(PYTEST), size)) == read_report([PYTEST])


def read(cases: str, encoding: str = "utf-8", declaration: str = "") -> JobReport:
    return read_report([f'{declaration}<testsuite name="s">{cases}</testsuite>'.encode(encoding)])


@pytest.mark.parametrize(("cases", "message"), [
    ('<testcase name="a"><failure type="T">expected 3, was 4</failure></testcase>', "expected 3, was 4"),
    ('<testcase name="a"><failure message="">  two\nlines  </failure></testcase>', "two\nlines"),
    ('<testcase name="a"><failure message="m">trace</failure></testcase>', "m"),
    ('<testcase name="a"><error><![CDATA[<b> & ]]></error><system-out>out</system-out></testcase>', "<b> &"),
    ('<testcase name="a"><failure message="m">\x1b[31m red</failure></testcase>', "m"),
    ('<testcase name="a"><failure>\x1b[31m red \x00</failure></testcase>', "red \ufffd"),
    ('<testcase name="a"><failure message="&#27;[0m &#x1B; &#0; &#65;"/></testcase>', "\ufffd \ufffd A"),
    ('<testcase name="a"><failure message="&#55357;&#xDE00; &#xFFFE; &#1114112; &#x1F600; &#128512;"/></testcase>',
     "\ufffd\ufffd \ufffd \ufffd \U0001f600 \U0001f600"),
    ('<testcase name="a"><skipped/><failure message="m"/></testcase>', "m"),
    ('<testcase name="a"><failure message="m"/><error message="teardown"/></testcase>', "m"),
    ('<testcase name="a"><failure>first</failure><error message="teardown"/></testcase>', "first"),
    ('<testcase name="a"><failure message="Failed">a_test.go:7: want 3</failure></testcase>', "a_test.go:7: want 3"),
    ('<testcase name="a"><failure message="Failed"/></testcase>', "Failed"),
])
def test_the_message_of_a_failed_test_is_its_attribute_or_its_text(cases: str, message: str) -> None:
    report = read(cases)

    assert ([each.message for each in report.failed], report.skipped, report.tests) == ([message], 0, 1)


@pytest.mark.parametrize(("suite", "report"), [
    ('<error message="import failed"/>', JobReport(0, 0, 1, 0, 0.0, [FailedTest("s", "", "import failed")])),
    ('<failure>no set-up</failure>', JobReport(0, 1, 0, 0, 0.0, [FailedTest("s", "", "no set-up")])),
    ('<testsuite name="t" tests="0" errors="1" failures="2"/>', JobReport(0, 0, 1, 0, 0.0, [FailedTest("t", "", NOT_RUN)])),
    ('<testsuite name="t" errors="0" failures="2"><system-err/></testsuite>', JobReport(0, 1, 0, 0, 0.0, [FailedTest("t", "", NOT_RUN)])),
    ('<testsuite name="t" errors="some"/>', JobReport()),
    ('<testsuite name="t" errors="1"><testcase/></testsuite>', JobReport(1)),
])
def test_a_suite_that_could_not_be_run_has_an_error_of_its_own(suite: str, report: JobReport) -> None:
    assert read(suite) == report


@pytest.mark.parametrize("attributes", ['status="notrun" result="suppressed"', 'status="disabled"', 'status="NotRun"', 'result="skipped"'])
def test_a_test_that_was_not_run_is_skipped(attributes: str) -> None:
    assert read(f'<testcase name="a" {attributes}/><testcase name="b" status="run" result="completed"/>').skipped == 1


@pytest.mark.parametrize("rest", [
    '<testcase name="b"', "<testcase>&nbsp;", "<a></b>", "", "\x00<", '<testcase name="b"/></testsuite><more/>'])
def test_what_stands_before_a_report_breaks_off_counts(rest: str) -> None:
    report = read_report([f'<testsuite><testcase name="a"><failure message="m"/></testcase>{rest}'.encode()])

    assert (report.failures, report.complete) == (1, False)


@pytest.mark.parametrize("size", [1, 3, 7, 500])
@pytest.mark.parametrize("rest", ["<failure message='m'>", "<failure message='m'>tra", "<failure>m", "<failure>m</failure><system-out>out"])
def test_a_test_that_failed_where_a_report_breaks_off_has_failed(rest: str, size: int) -> None:
    content = f'<testsuite><testcase name="a"/><testcase name="b">{rest}'.encode()

    report = read_report(content[at:at + size] for at in range(0, len(content), size))

    assert (report.tests, report.failures, report.failed, report.complete) == (2, 1, [FailedTest("b", "", "m")], False)


@pytest.mark.parametrize(("encoding", "declared"), [
    ("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("utf-16", "UTF-16"), ("utf-16-le", "UTF-16"), ("utf-16-be", "UTF-16"),
    ("gb2312", "GB2312"), ("gb18030", "GB18030"), ("shift_jis", "Shift_JIS")])
def test_reports_may_be_in_any_encoding_of_texts(encoding: str, declared: str) -> None:
    report = read('<testcase><failure message="中文"/></testcase>', encoding, f'<?xml version="1.0" encoding="{declared}"?>')

    assert [each.message for each in report.failed] == ["中文"]


@pytest.mark.parametrize("name", ["punycode", "idna", "unicode_escape", "rot13", "zlib", "utf-7"])
def test_an_encoding_that_no_text_is_written_in_is_not_read(name: str) -> None:
    with pytest.raises(NoReport):
        read("<testcase/>", declaration=f'<?xml version="1.0" encoding="{name}"?>')


@given(cases=st.text(max_size=60), size=st.integers(1, 20))
def test_any_text_in_a_report_is_read_alike_in_pieces(cases: str, size: int) -> None:
    content = f'<testsuite><testcase name="a"/>{cases}</testsuite>'.encode("utf-8", "replace")

    assert outcome([content]) == outcome([content[at:at + size] for at in range(0, len(content), size)])


def outcome(chunks: list[bytes]) -> JobReport | str:
    try:
        return read_report(chunks)
    except NoReport as wrong:
        return str(wrong)


@pytest.mark.parametrize(("time", "seconds"), [
    ("1,234.567", 1234.567), ("1,234,567", 1234567.0), ("0,125", 0.125), ("12,5", 12.5), ("1.5", 1.5)])
def test_times_are_read_as_programs_write_them_for_people(time: str, seconds: float) -> None:
    assert read(f'<testcase time="{time}"/>').seconds == seconds


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
        read_report([b"<testsuite>" * (MAX_DEPTH + 1)])


def test_what_stands_before_a_great_depth_counts() -> None:
    report = read_report([b"<testsuite><testcase><failure/></testcase>", b"<a>" * (MAX_DEPTH + 1)])

    assert (report.failures, report.complete) == (1, False)


def test_reports_of_several_files_count_together() -> None:
    report = read('<testcase name="a" time="1"><failure/></testcase><testcase><skipped/></testcase>')

    report.add(read_report([b'<testsuite><testcase name="b" time="2"><error/></testcase>']))

    assert report == JobReport(3, 1, 1, 1, 3.0, [FailedTest("a", "", ""), FailedTest("b", "", "")], complete=False)


def test_of_many_failures_the_first_are_kept_and_all_are_counted() -> None:
    cases = b'<testcase name="t"><failure/></testcase>' * (MAX_FAILED + 5)

    report = read_report([b"<testsuite>", cases, b"</testsuite>"])

    assert (report.failures, len(report.failed)) == (MAX_FAILED + 5, MAX_FAILED)


def test_a_long_message_is_cut() -> None:
    report = read_report([b'<testsuite><testcase name="t"><error message="' + b"m" * 9000 + b'"/></testcase></testsuite>'])

    assert len(report.failed[0].message) == MESSAGE_LENGTH


def test_all_failures_together_have_as_many_words_as_there_is_room_for() -> None:
    test = '<testcase name="é"><failure message="{}"/></testcase>'
    cases = "".join(test.format(f"{number:04}" + "ü" * 2000) for number in range(MAX_FAILED)).encode()

    report = read_report([b"<testsuite>", cases, b"</testsuite>"])

    whole = [each for each in report.failed if len(each.message) == 2004]
    assert [each.message[:4] for each in whole] == [f"{number:04}" for number in range(len(whole))]
    assert MAX_TEXT - 4 <= sum(each.size for each in report.failed) == report.text_bytes <= MAX_TEXT
    assert (report.failures, {each.name for each in report.failed}) == (MAX_FAILED, {"é"})


@pytest.mark.parametrize("time", [b"-1", b"nan", b"inf", b"1e300", b"x"])
def test_a_time_that_is_none_counts_as_nothing(time: bytes) -> None:
    assert read_report([b'<testsuite><testcase time="' + time + b'"/></testsuite>']).seconds == 0.0
