"""Triggering a run: of which repositories, which tests, where."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.errors import Unprocessable
from api.domain.runs.environment import DEFAULT_ENVIRONMENTS, Environment, parse_environments
from api.domain.runs.run import Platform
from api.domain.runs.trigger import RunPolicy, choose_environment, choose_tests

POLICY = RunPolicy("CCExtractor/ccextractor", ("Friend/Tool",))


@pytest.mark.parametrize(("repository", "is_main", "is_shared"), [
    ("ccextractor/CCExtractor", True, True), ("friend/TOOL", False, True), ("CCExtractor/other", False, False), ("", False, False)])
def test_repositories_are_known_without_regard_to_case(repository: str, is_main: bool, is_shared: bool) -> None:
    assert (POLICY.is_main(repository), POLICY.is_shared(repository)) == (is_main, is_shared)


ids = st.sets(st.integers(1, 20))


@given(st.none() | st.lists(st.integers(1, 20), max_size=8, unique=True), ids, ids)
def test_a_new_run_has_active_tests_alone_and_all_that_were_asked_for(
    requested: list[int] | None, active: set[int], inactive: set[int],
) -> None:
    known = active | inactive

    try:
        chosen = choose_tests(requested, active, known)
    except Unprocessable:
        assert not active if requested is None else not requested or set(requested) - active
        return

    assert chosen == tuple(sorted(active if requested is None else requested))
    assert set(chosen) <= active


def test_tests_that_cannot_be_run_are_named_by_why() -> None:
    with pytest.raises(Unprocessable) as refused:
        choose_tests([5, 1, 9, 8], active=[1], known=[1, 8, 9])

    assert refused.value.details == {"inactive_ids": [8, 9], "unknown_ids": [5]}


PLACES = (
    Environment("old", Platform.LINUX, active=False), Environment("linux-a", Platform.LINUX), Environment("linux-b", Platform.LINUX),
    Environment("windows-a", Platform.WINDOWS, active=False))


@pytest.mark.parametrize(("wanted", "chosen"), [(None, "linux-a"), ("linux-b", "linux-b")])
def test_a_run_is_made_where_it_is_asked_or_in_the_first_active_place(wanted: str | None, chosen: str) -> None:
    assert choose_environment(PLACES, wanted, Platform.LINUX).environment_id == chosen


@pytest.mark.parametrize(("wanted", "platform", "others"), [
    ("old", Platform.LINUX, ["linux-a", "linux-b"]), ("windows-a", Platform.LINUX, ["linux-a", "linux-b"]), (None, Platform.WINDOWS, [])])
def test_a_place_that_is_inactive_or_of_another_platform_is_refused(wanted: str | None, platform: Platform, others: list[str]) -> None:
    with pytest.raises(Unprocessable) as refused:
        choose_environment(PLACES, wanted, platform)

    assert refused.value.details == {"platform": platform.value, "environment_ids": others}


@pytest.mark.parametrize("text", ["", " \n"])
def test_without_configuration_each_platform_has_an_environment(text: str) -> None:
    assert parse_environments(text) == DEFAULT_ENVIRONMENTS
    assert {each.platform for each in DEFAULT_ENVIRONMENTS} == set(Platform)


def test_environments_are_read_as_the_operator_wrote_them() -> None:
    found = parse_environments(
        '[{"environment_id": "a", "platform": "linux", "active": false, "runner_label": "big"},'
        ' {"environment_id": "b", "platform": "windows"}]')

    assert found == (Environment("a", Platform.LINUX, False, "big"), Environment("b", Platform.WINDOWS))


@pytest.mark.parametrize("text", [
    "{}", "[", "[1]", '[{"platform": "linux"}]', '[{"environment_id": 7, "platform": "linux"}]',
    '[{"environment_id": "", "platform": "linux"}]', '[{"environment_id": "%s", "platform": "linux"}]' % ("a" * 51),
    '[{"environment_id": "a"}]', '[{"environment_id": "a", "platform": "plan9"}]',
    '[{"environment_id": "a", "platform": "linux", "runner_label": 7}]',
    '[{"environment_id": "a", "platform": "linux", "active": "false"}]',
    '[{"environment_id": "a", "platform": "linux", "runner_label": "%s"}]' % ("a" * 101),
    '[{"environment_id": "a", "platform": "linux"}, {"environment_id": "a", "platform": "windows"}]'])
def test_what_is_no_list_of_environments_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="environment|active|runner_label|Platform|Expecting"):
        parse_environments(text)
