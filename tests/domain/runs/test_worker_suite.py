"""The suite that a worker is given: its format, and how it copes with what does not fit into it."""
from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from api.domain.runs.expected_tests import ExpectedOutput, ExpectedTest, ExpectedTests
from api.domain.runs.worker_suite import SuiteFile, SuiteTest, category_names, presented, suite_files, suite_of
from tests.domain.runs.suites import suites


def a_test(
    regression_id: int = 5, category: str = "DVB", output_type: str = "file", files: tuple[SuiteFile, ...] = (),
) -> SuiteTest:
    return SuiteTest(regression_id, category, "--out=srt -1 <&>", "file", "aa.ts", output_type, files)


def test_the_files_are_written_in_the_format_that_workers_read() -> None:
    files = suite_files([a_test(files=(SuiteFile(8, "bb.srt", "aa.srt"), SuiteFile(9, "cc.txt", "aa_1.txt", ignore=True)))])

    assert files["TestAll.xml"].decode() == (
        '<?xml version="1.0" encoding="utf-8"?>\n<multitest><testfile><location>DVB.xml</location></testfile></multitest>\n')
    assert files["DVB.xml"].decode() == (
        '<?xml version="1.0" encoding="utf-8"?>\n<tests>\n'
        '<entry id="5"><command>--out=srt -1 &lt;&amp;&gt;</command><input type="file">aa.ts</input><output>file</output><compare>'
        '<file ignore="false" id="8"><correct>bb.srt</correct><expected>aa.srt</expected></file>'
        '<file ignore="true" id="9"><correct>cc.txt</correct><expected>aa_1.txt</expected></file></compare></entry>\n</tests>\n')


def test_a_test_in_two_categories_stands_in_its_first() -> None:
    shown = presented([a_test(1, "DVB"), a_test(2, "CEA-708"), a_test(1, "CEA-708")])

    assert [(test.regression_id, test.category) for test in shown] == [(1, "DVB"), (2, "CEA-708")]


def test_a_report_is_written_as_a_file() -> None:
    assert presented([a_test(output_type="report")])[0].output_type == "file"


def test_a_test_without_outputs_gets_an_ignored_one() -> None:
    assert presented([a_test(output_type="null")])[0].files == (SuiteFile(-1, "unchecked.txt", "unchecked.txt", ignore=True),)


def test_outputs_with_the_same_baseline_are_told_apart() -> None:
    twice = (SuiteFile(1, "bb.tar.gz", "aa.gz"), SuiteFile(2, "bb.tar.gz", "aa_1.gz"), SuiteFile(3, "bb.tar.gz", "x", ignore=True))

    correct = [file.correct for file in presented([a_test(files=twice)])[0].files]

    assert correct == ["bb.tar.gz", "bb-2.tar.gz", "bb.tar.gz"]


def test_categories_become_safe_names_and_keep_their_own_where_they_can() -> None:
    names = category_names(["a/b", "DVB", "dvb", "CON", "TestAll", "..", "a-b-1", "Größe"])

    assert names == {
        "a/b": "a-b-2", "DVB": "DVB", "dvb": "dvb-1", "CON": "CON-1", "TestAll": "TestAll-1", "..": "category-1",
        "a-b-1": "a-b-1", "Größe": "Gr-e-1"}


def test_characters_that_xml_cannot_carry_are_replaced() -> None:
    test = SuiteTest(1, "DVB", "a\x0b\x00b\ufffe", "file", "aa.ts", "null", ())

    assert presented([test])[0].command == "a\ufffd\ufffdb\ufffd"


@given(st.lists(st.text(max_size=64), max_size=8))
def test_category_names_never_collide_nor_leave_the_folder(categories: list[str]) -> None:
    names = category_names(categories)

    assert len({name.casefold() for name in names.values()}) == len(set(categories))
    for name in names.values():
        assert not set(name) & set('/\\:*?"<>|%')
        assert not name.startswith(".") and name.casefold() != "testall"


@given(suites())
def test_presenting_twice_changes_nothing(tests: list[SuiteTest]) -> None:
    assert presented(presented(tests)) == presented(tests)


@given(suites())
def test_no_entry_is_without_a_file_nor_has_a_checked_baseline_twice(tests: list[SuiteTest]) -> None:
    for test in presented(tests):
        checked = [file.correct for file in test.files if not file.ignore]
        assert test.files
        assert len(checked) == len(set(checked))


@given(st.lists(st.tuples(st.sampled_from(["", " ", "b" * 64]), st.sampled_from([".srt", ".txt"])), max_size=6))
def test_an_output_without_a_baseline_has_a_name_of_its_own_that_no_file_has(outputs: list[tuple[str, str]]) -> None:
    expected = ExpectedTest(
        1, 1, "a" * 64, "ts", "-x", "file", "file", 0,
        outputs=tuple(ExpectedOutput(number, baseline, extension, "", False) for number, (baseline, extension) in enumerate(outputs, 1)))

    [test] = suite_of(ExpectedTests((expected,)))

    new = [file.correct for file, (baseline, _) in zip(test.files, outputs, strict=True) if not baseline.strip()]
    assert len(set(new)) == len(new)
    assert all(name.startswith("new-") for name in new)
