"""Errors as items of lists, and counted in groups."""
from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.results.error import (
    ErrorFilter,
    ErrorItem,
    Grouping,
    Location,
    Times,
    errors_of,
    group_errors,
    infrastructure_items,
    without_folders,
)
from api.domain.results.failure import failures_in
from api.domain.results.failure_code import Attribution, FailureCode, Severity
from api.domain.runs.infrastructure import InfrastructureError, infrastructure_errors
from api.domain.runs.infrastructure_code import InfrastructureType
from tests.builders import NOW, minutes
from tests.domain.results.judged_tests import OTHER, judged, make_output, make_test

TIMES = Times({42: minutes(3)}, NOW, minutes(9))

items = st.builds(
    ErrorItem, st.uuids().map(str), st.sampled_from(["diff_mismatch", "missing_output"]), st.sampled_from(Severity),
    st.just(Attribution.REGRESSION), st.just("words"), st.integers(0, 9).map(minutes), st.integers(1, 4), st.integers(1, 4),
    st.none(), st.lists(st.sampled_from(["DVB", "Teletext"]), unique=True).map(tuple))


def test_an_item_tells_what_where_and_when() -> None:
    test = make_test(outputs=[make_output(1), make_output(2, suffix="_2")], categories=["DVB"])

    found = errors_of(9, [judged(test, exit_code=3, got={1: None, 2: OTHER})], TIMES)

    assert [(each.error_id, each.location, each.occurred_at, each.categories) for each in found] == [
        ("9-42-exit_code_mismatch", None, minutes(3), ("DVB",)),
        ("9-42-diff_mismatch-2", Location(2, "d" * 64 + "_2.srt"), minutes(3), ("DVB",))]


@pytest.mark.parametrize(("by_test", "expected"), [
    ({}, minutes(9)), ({42: minutes(3)}, minutes(3)), ({42: NOW}, NOW), ({42: minutes(-1)}, minutes(9)), ({43: minutes(3)}, minutes(9))])
def test_the_time_of_a_failure_is_the_results_as_far_as_it_is_known(by_test: dict[int, object], expected: object) -> None:
    times = Times(by_test, NOW, minutes(9))  # type: ignore[arg-type]

    assert times.of_test(42) == expected


def test_a_limit_has_the_same_name_in_both_lists() -> None:
    tests = [judged(make_test(), exit_code=137)]

    of_tests = errors_of(9, tests, TIMES)
    of_machines = infrastructure_items(9, infrastructure_errors([], {}, failures_in(tests)), TIMES)

    assert [(each.error_id, each.code, each.occurred_at, each.sample_id) for each in of_tests] == [
        (each.error_id, FailureCode.MEMORY_LIMIT, each.occurred_at, each.sample_id) for each in of_machines]
    assert [each.type for each in (*of_tests, *of_machines)] == ["test_failure", "worker"]


@pytest.mark.parametrize(("at", "message", "shown"), [
    (minutes(4), "disk full", ("disk full", minutes(4))), (None, "", ("No reason was given.", minutes(9)))])
def test_trouble_around_the_tests_tells_what_is_known_of_it(at: datetime | None, message: str, shown: tuple[str, datetime]) -> None:
    trouble = InfrastructureError(
        "event-3", InfrastructureType.STORAGE, Severity.CRITICAL, message, at, stack=("at /srv/ci/store.py:3",))

    [item] = infrastructure_items(9, [trouble], TIMES)

    assert (item.error_id, item.type, item.attribution) == ("9-event-3", "storage", Attribution.INFRASTRUCTURE)
    assert (item.message, item.occurred_at) == shown
    assert (item.stack, item.sample_id, item.regression_id) == (("at …/store.py:3",), None, None)


@given(st.lists(items, max_size=12), st.sampled_from([each for each in Grouping if each is not Grouping.CATEGORY]))
def test_groups_hold_each_error_once(errors: list[ErrorItem], grouping: Grouping) -> None:
    groups = group_errors(errors, grouping)

    assert sorted(item.error_id for group in groups for item in group.items) == sorted(item.error_id for item in errors)
    assert len({group.key for group in groups}) == len(groups)
    assert [len(group.items) for group in groups] == sorted((len(group.items) for group in groups), reverse=True)


@given(st.lists(items, max_size=12))
def test_a_test_in_several_categories_counts_in_each(errors: list[ErrorItem]) -> None:
    groups = {group.key: group for group in group_errors(errors, Grouping.CATEGORY)}

    assert {key: len(group.items) for key, group in groups.items()} == {
        key: number for key in ("DVB", "Teletext", "uncategorized")
        if (number := sum(key in (item.categories or ("uncategorized",)) for item in errors))}


@given(st.lists(items, min_size=1, max_size=12))
def test_a_group_shows_its_worst_and_its_span(errors: list[ErrorItem]) -> None:
    for group in group_errors(errors, Grouping.TYPE):
        assert group.severity == max((item.severity for item in group.items), key=list(Severity).index)
        assert group.first_seen_at == min(item.occurred_at for item in group.items)
        assert group.last_seen_at == max(item.occurred_at for item in group.items)
        assert group.sample_ids == tuple(sorted({item.sample_id for item in group.items if item.sample_id}))


@given(items, st.none() | st.just("diff_mismatch"), st.none() | st.sampled_from(Severity), st.none() | st.integers(1, 4))
def test_a_filter_leaves_what_has_all_that_is_asked(
    item: ErrorItem, kind: str | None, severity: Severity | None, sample_id: int | None,
) -> None:
    wanted = ErrorFilter(kind, severity, sample_id)

    assert wanted.matches(item) == all(
        asked is None or asked == has for asked, has in ((kind, item.type), (severity, item.severity), (sample_id, item.sample_id)))


@pytest.mark.parametrize(("line", "expected"), [
    ('  File "/srv/app/venv/lib/python3.11/x.py", line 3', '  File "…/x.py", line 3'), ("/etc/passwd: denied", "…/passwd: denied"),
    (r"at C:\ci\build\make.exe:12", "at …/make.exe:12"), ("root=/srv/ci token", "root=…/ci token"),
    ("see https://host.example/a/b.html", "see https://host.example/a/b.html"), ("a/b/c.py and ../d", "a/b/c.py and ../d"),
    ("no path 1/2 here", "no path 1/2 here"), ("", "")])
def test_folders_of_the_deployment_are_cut_out_of_a_stack(line: str, expected: str) -> None:
    assert without_folders(line) == expected
