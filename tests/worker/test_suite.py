"""Reading a suite: what was written comes back, and nothing hostile is acted upon."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.runs.worker_suite import INDEX, SuiteTest, presented, suite_files
from api.worker.suite import SuiteError, load_suite, parse_category, parse_index
from tests.domain.runs.suites import plain_suites, suites
from tests.worker.inputs import a_test

ENTRY = (
    '<tests><entry id="1"><command>c</command><input type="file">{input}</input><output>{output}</output>'
    '<compare><file ignore="false" id="2"><correct>{correct}</correct><expected>{expected}</expected></file></compare>'
    "</entry></tests>")
GOOD = {"input": "a.ts", "output": "file", "correct": "b.srt", "expected": "c.srt"}


def read_back(tests: Sequence[SuiteTest]) -> tuple[SuiteTest, ...]:
    """The tests of a suite that was written into a folder and read from there."""
    with TemporaryDirectory() as folder:
        for name, content in suite_files(tests).items():
            Path(folder, name).write_bytes(content)
        return load_suite(Path(folder))


@given(suites())
def test_a_suite_is_read_as_it_was_presented(tests: list[SuiteTest]) -> None:
    assert read_back(tests) == presented(tests)


@given(plain_suites())
def test_a_well_formed_suite_is_read_as_it_was_given(tests: list[SuiteTest]) -> None:
    assert read_back(tests) == tuple(tests)


def test_a_folder_is_read_with_all_its_categories() -> None:
    tests = (a_test(1, category="DVB"), a_test(2, category="CEA-708"))

    assert read_back(tests) == tests


@pytest.mark.parametrize(("field", "name"), [
    ("input", ""), ("expected", ""),
    *((field, name) for field in ("input", "correct", "expected")
      for name in ("../x", "/etc/passwd", "..", ".", "a\\b", "C:x", "a/b", "x\ny", "ü" * 200))])
def test_a_name_that_leads_elsewhere_is_refused(field: str, name: str) -> None:
    with pytest.raises(SuiteError, match="not a plain file name"):
        parse_category(ENTRY.format(**{**GOOD, field: name}).encode(), "x")


@pytest.mark.parametrize("correct", ["<correct></correct>", "<correct/>", ""])
def test_an_output_without_a_baseline_names_none(correct: str) -> None:
    content = ENTRY.format(**{**GOOD, "correct": "x"}).replace("<correct>x</correct>", correct).encode()

    [test] = parse_category(content, "x")

    assert [file.correct for file in test.files] == [""]


def test_a_category_file_elsewhere_is_refused() -> None:
    with pytest.raises(SuiteError, match="not a plain file name"):
        parse_index(b"<multitest><testfile><location>../../secret.xml</location></testfile></multitest>")


@pytest.mark.parametrize("content", [
    b'<!DOCTYPE tests [<!ENTITY x SYSTEM "file:///etc/passwd">]><tests>&x;</tests>',
    b'<?xml version="1.0" encoding="utf-16"?><!DOCTYPE tests><tests/>',
    '<!DOCTYPE tests [<!ENTITY x "y">]><tests>&x;</tests>'.encode("utf-16"),
    b"<tests>&undeclared;</tests>",
    b"<tests><entry></tests>",
    b"\xff\xfe<\x00",
    b"",
    b"<multitest/>",
    ENTRY.format(**{**GOOD, "output": "shell"}).encode(),
    ENTRY.format(**GOOD).replace('id="1"', 'id="0"').encode(),
    ENTRY.format(**GOOD).replace('id="1"', 'id="99999999999999"').encode(),
    ENTRY.format(**GOOD).replace("<command>c</command>", "").encode(),
    ENTRY.format(**GOOD).replace("<tests>", "<tests><other/>").encode(),
    b"<tests>" + b"<entry>" * 2000,
])
def test_whatever_is_not_the_format_is_refused(content: bytes) -> None:
    with pytest.raises(SuiteError):
        parse_category(content, "x")


@given(st.binary(max_size=200))
def test_no_bytes_at_all_make_the_reader_fail_in_another_way(content: bytes) -> None:
    try:
        parse_category(content, "x")
    except SuiteError as refused:
        assert refused.message.startswith("[storage] ")


def test_a_test_that_stands_twice_is_refused(tmp_path: Path) -> None:
    files = suite_files([a_test(1)])
    files[INDEX] = b"<multitest>" + b"<testfile><location>DVB.xml</location></testfile>" * 2 + b"</multitest>"
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)

    with pytest.raises(SuiteError, match="twice"):
        load_suite(tmp_path)


def test_a_missing_suite_is_told_without_its_path(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"^\[storage\] The run's suite cannot be used: TestAll.xml: No such file or directory\.$"):
        load_suite(tmp_path)


def test_a_suite_file_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"<multitest/>")
    (tmp_path / INDEX).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(SuiteError, match="link"):
        load_suite(tmp_path)
