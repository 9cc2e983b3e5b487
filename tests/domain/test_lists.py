"""What lists are narrowed to and how they are ordered: runs, histories and samples; and text as it is compared."""
from __future__ import annotations

import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.catalog.sample import Sample, SampleFilter, is_named, is_tagged, without_dot
from api.domain.results.history import HistoryEntry, HistoryFilter
from api.domain.results.result import Verdict
from api.domain.runs.run import Platform, Run, RunStatus
from api.domain.runs.run_list import RunFilter, RunSort
from api.domain.text.casefold import casefold_ascii, contains

START = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
RUN = Run(1, RunStatus.FAIL, Platform.LINUX, "Octo/Fork", "main", "ABC" + "0" * 37, 12, START, None)
ENTRY = HistoryEntry(1, 5, START, RunStatus.FAIL, "c" * 40, "main", Platform.LINUX, Verdict.FAIL, 10, None)


@pytest.mark.parametrize(("wanted", "found"), [
    (RunFilter(), True), (RunFilter(status=RunStatus.FAIL), True), (RunFilter(status=RunStatus.PASS), False),
    (RunFilter(branch="main"), True), (RunFilter(branch="MAIN"), False), (RunFilter(branch=""), False),
    (RunFilter(commit_sha="abc" + "0" * 37), True), (RunFilter(commit_sha="abc"), False),
    (RunFilter(repository="OCTO/fork"), True), (RunFilter(repository="octo/other"), False),
    (RunFilter(platform=Platform.LINUX), True), (RunFilter(platform=Platform.WINDOWS), False),
    (RunFilter(pull_request=12), True), (RunFilter(pull_request=13), False),
    (RunFilter(created_after=START - SECOND), True), (RunFilter(created_after=START), False),
    (RunFilter(created_before=START + SECOND), True), (RunFilter(created_before=START), False),
    (RunFilter(status=RunStatus.FAIL, branch="main", created_after=START - SECOND, created_before=START + SECOND), True),
    (RunFilter(status=RunStatus.FAIL, branch="other"), False),
])
def test_a_run_is_listed_when_it_has_all_that_is_asked(wanted: RunFilter, found: bool) -> None:
    assert wanted.matches(RUN) is found


def test_a_run_without_a_branch_or_pull_request_is_not_found_by_one() -> None:
    run = RUN._replace(branch=None, pull_request=None)

    assert RunFilter().matches(run)
    assert not RunFilter(branch="main").matches(run)
    assert not RunFilter(pull_request=12).matches(run)


@pytest.mark.parametrize(("sort", "field", "descends"), [
    (RunSort.CREATED_AT, "created_at", False), (RunSort.CREATED_AT_DESC, "created_at", True), (RunSort.STARTED_AT, "started_at", False),
    (RunSort.STARTED_AT_DESC, "started_at", True), (RunSort.RUN_ID, "run_id", False), (RunSort.RUN_ID_DESC, "run_id", True)])
def test_an_order_names_a_field_and_a_direction(sort: RunSort, field: str, descends: bool) -> None:
    assert (sort.field, sort.descends) == (field, descends)
    assert hasattr(RUN, field)


@pytest.mark.parametrize(("status", "is_finished"), [
    (RunStatus.QUEUED, False), (RunStatus.RUNNING, False), (RunStatus.PASS, True), (RunStatus.FAIL, True), (RunStatus.CANCELED, True),
    (RunStatus.ERROR, True), (RunStatus.INCOMPLETE, True)])
def test_a_run_is_over_unless_it_waits_or_runs(status: RunStatus, is_finished: bool) -> None:
    assert status.is_finished is is_finished


@given(st.integers(-10_000, 10_000), st.integers(-10_000, 10_000))
def test_no_run_lasts_less_than_nothing(started: int, completed: int) -> None:
    run = RUN._replace(started_at=START + started * SECOND, completed_at=START + completed * SECOND)

    assert run.duration_ms == max(0, 1000 * (completed - started))


@pytest.mark.parametrize(("wanted", "found"), [
    (HistoryFilter(), True), (HistoryFilter(run_status=RunStatus.FAIL), True), (HistoryFilter(run_status=RunStatus.PASS), False),
    (HistoryFilter(verdict=Verdict.FAIL), True), (HistoryFilter(verdict=Verdict.PASS), False),
    (HistoryFilter(regression_id=5), True), (HistoryFilter(regression_id=6), False),
    (HistoryFilter(branch="main"), True), (HistoryFilter(branch="Main"), False),
    (HistoryFilter(platform=Platform.LINUX), True), (HistoryFilter(platform=Platform.WINDOWS), False),
    (HistoryFilter(created_after=START), False), (HistoryFilter(created_after=START - SECOND), True),
    (HistoryFilter(created_before=START), False), (HistoryFilter(created_before=START + SECOND), True),
    (HistoryFilter(verdict=Verdict.FAIL, regression_id=6), False),
])
def test_an_entry_of_a_history_is_listed_when_it_has_all_that_is_asked(wanted: HistoryFilter, found: bool) -> None:
    assert wanted.matches(ENTRY) is found


def test_an_entry_of_a_run_without_a_branch_is_not_found_by_one() -> None:
    assert not HistoryFilter(branch="main").matches(replace(ENTRY, branch=None))


@pytest.mark.parametrize(("wanted", "extension", "found"), [
    (SampleFilter(), "", True), (SampleFilter(name="ONE"), ".ts", True), (SampleFilter(name="two"), ".ts", False),
    (SampleFilter(extension="TS"), ".ts", True), (SampleFilter(extension="ts"), "ts", True), (SampleFilter(extension="t"), "ts", False),
    (SampleFilter(name="one", extension="mp4"), "ts", False)])
def test_a_sample_is_found_by_part_of_its_name_and_its_whole_extension(wanted: SampleFilter, extension: str, found: bool) -> None:
    assert wanted.matches(Sample(1, "a" * 64, extension, "Sample one"), is_used=True) is found


@given(st.text("abc.", max_size=8))
def test_an_extension_loses_one_dot_at_most(extension: str) -> None:
    assert extension in (without_dot(extension), "." + without_dot(extension))


def test_a_tag_is_found_as_it_is_shown() -> None:
    assert is_named("HD", None) and is_named("HD", "hd") and not is_named("HD", "h")
    assert is_tagged((), None) and not is_tagged((), "hd")
    assert is_tagged(("sd", "HD"), "hd")
    assert is_tagged(("x" * 60,), "x" * 49 + "…") and not is_tagged(("x" * 60,), "x" * 60)


@given(st.text())
def test_folding_changes_ascii_letters_alone(text: str) -> None:
    casefolded = casefold_ascii(text)

    assert len(casefolded) == len(text) and casefold_ascii(casefolded) == casefolded
    assert all(new == old.lower() if old in string.ascii_uppercase else new == old for old, new in zip(text, casefolded, strict=True))


@given(st.text(max_size=5), st.text(max_size=5), st.text(max_size=5))
def test_a_text_has_each_of_its_parts(before: str, part: str, behind: str) -> None:
    assert contains(before + part + behind, casefold_ascii(part))
    assert contains(before, None)


@pytest.mark.parametrize(("text", "part"), [("ÉCOLE", "é"), ("ſ", "s"), ("\u212a", "k"), ("abc", "abcd"), ("", "a")])
def test_other_letters_differ_by_case(text: str, part: str) -> None:
    assert not contains(text, part)
