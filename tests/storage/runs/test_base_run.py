"""The base of a run and its history are what a plain look at all runs finds, however many there are."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from api.domain.results.compare import BaseReason
from api.domain.runs.run import Platform, Run, RunStatus
from api.storage.database import session, transaction
from api.storage.platform_tables import TestRow
from api.storage.runs.base_run import RAN, Base, choose_base, list_past_runs
from api.storage.tables import RunRow
from tests.builders import MAIN_REPOSITORY, add_fork, digest_of, minutes
from tests.databases import Database
from tests.examples import examples

FORK = "ada/ccextractor"
COMMITS = tuple(letter * 40 for letter in "abcdef")


@dataclass(frozen=True)
class Told:
    """A run in as much as it counts for others: what it is of, where it is, and what it says of its ancestors."""

    commit: str
    status: str = RunStatus.PASS.value
    platform: str = "linux"
    repository: str = MAIN_REPOSITORY
    pull_request: int | None = None
    parent: str | None = None
    merge_base: str | None = None
    branch: str | None = "master"

    @property
    def is_of_main(self) -> bool:
        """Whether this is a run of the main repository itself."""
        return self.repository == MAIN_REPOSITORY and self.pull_request is None


def keep(history: Sequence[Told]) -> list[Run]:
    """Store runs as they are when they have been looked at; the runs, in the order given."""
    forks = {repository: add_fork(f"https://github.com/{repository}.git") for repository in (MAIN_REPOSITORY, FORK)}
    first = (session().execute(select(TestRow.id).order_by(TestRow.id.desc()).limit(1)).scalar() or 0) + 1
    numbered = list(enumerate(history, first))
    with transaction() as current:
        current.execute(insert(TestRow), [
            {"id": number, "platform": each.platform, "test_type": "commit", "token": digest_of(f"secret of {number}"),
             "fork_id": forks[each.repository], "branch": each.branch or "", "commit": each.commit, "pr_nr": each.pull_request or 0}
            for number, each in numbered])
        current.execute(insert(RunRow), [
            {"run_id": number, "platform": each.platform, "repository": each.repository.lower(), "branch": each.branch,
             "commit_sha": each.commit, "pull_request": each.pull_request, "created_at": minutes(number), "status": each.status,
             "parent_sha": each.parent, "merge_base_sha": each.merge_base} for number, each in numbered])
    return [
        Run(number, RunStatus(each.status), Platform(each.platform), each.repository, each.branch, each.commit, each.pull_request,
            minutes(number), None, parent_sha=each.parent, merge_base_sha=each.merge_base) for number, each in numbered]


def plain_choice(history: Sequence[Told], place: int, generations: int) -> tuple[int, BaseReason] | None:
    """The place of a run's base, by looking at every run there is, generation by generation."""
    run = history[place]
    candidates = [
        index for index, each in enumerate(history)
        if index != place and each.is_of_main and each.platform == run.platform and each.status in RAN
        and (each.commit != run.commit or (run.merge_base or "").lower() == run.commit)]
    commits = {start.lower()} if (start := run.merge_base or run.parent) else set()
    for generation in range(generations + 1):
        if tested := [index for index in candidates if history[index].commit in commits]:
            is_merge_base = generation == 0 and run.merge_base is not None
            return max(tested), BaseReason.MERGE_BASE if is_merge_base else BaseReason.ANCESTOR
        commits = {each.parent.lower() for each in history if each.is_of_main and each.parent and each.commit in commits}
    same = [index for index, each in enumerate(history) if (each.commit, each.repository, each.pull_request) == (
        run.commit, run.repository, run.pull_request)]
    before = [index for index in candidates if index < min(same)]
    return (max(before), BaseReason.BEFORE) if before else None


def test_a_merge_base_is_found_however_many_runs_are_newer(database: Database) -> None:
    others = [Told("f" * 40, platform="windows")] * 2001
    first, *_, run = keep([
        Told("a" * 40), *others, Told("b" * 40, RunStatus.FAIL.value), Told("c" * 40, pull_request=9, merge_base="a" * 40)])

    assert choose_base(run, MAIN_REPOSITORY) == Base(first.run_id, BaseReason.MERGE_BASE)


def test_an_old_run_keeps_the_run_before_it_as_its_base(database: Database) -> None:
    before, run, *_ = keep([Told("a" * 40), Told("b" * 40), *[Told("c" * 40, RunStatus.QUEUED.value)] * 2001])

    assert choose_base(run, MAIN_REPOSITORY) == Base(before.run_id, BaseReason.BEFORE)


@pytest.mark.parametrize("history", [
    [Told("a" * 40), Told("f" * 40), Told("b" * 40, RunStatus.QUEUED.value, parent="A" * 40), Told("c" * 40, parent="b" * 40)],
    [Told("a" * 40), Told("f" * 40), Told("b" * 40, platform="windows", parent="a" * 40), Told("c" * 40, merge_base="B" * 40)],
])
def test_where_a_commit_was_not_tested_its_parent_counts(database: Database, history: list[Told]) -> None:
    first, *_, run = keep(history)

    assert choose_base(run, MAIN_REPOSITORY) == Base(first.run_id, BaseReason.ANCESTOR)


def test_a_repeat_is_compared_with_what_came_before_the_first_run_of_its_commit(database: Database) -> None:
    before, *_, run = keep([Told("a" * 40), Told("b" * 40, RunStatus.FAIL.value), Told("c" * 40), Told("b" * 40)])

    assert choose_base(run, MAIN_REPOSITORY) == Base(before.run_id, BaseReason.BEFORE)


def test_the_merge_base_that_is_named_counts_though_it_is_the_runs_own_commit(database: Database) -> None:
    _, same, run = keep([Told("a" * 40), Told("b" * 40), Told("b" * 40, pull_request=9, merge_base="B" * 40)])

    assert choose_base(run, MAIN_REPOSITORY) == Base(same.run_id, BaseReason.MERGE_BASE)


def test_what_a_fork_says_of_ancestors_does_not_count(database: Database) -> None:
    _, before, *_, run = keep([
        Told("a" * 40), Told("f" * 40), Told("b" * 40, repository=FORK, parent="a" * 40), Told("c" * 40, pull_request=9, parent="b" * 40)])

    assert choose_base(run, MAIN_REPOSITORY) == Base(before.run_id, BaseReason.BEFORE)


@pytest.mark.parametrize(("others", "own"), [
    (Told("a" * 40, pull_request=11, branch="pull_request"), Told("b" * 40, pull_request=12, branch="pull_request")),
    (Told("a" * 40, pull_request=11, branch=None), Told("b" * 40, pull_request=12, branch=None)),
    (Told("a" * 40, repository=FORK, branch="topic"), Told("b" * 40, repository=FORK, branch="other")),
    (Told("a" * 40, pull_request=11, branch="topic"), Told("b" * 40, pull_request=12, branch="topic")),
])
def test_a_history_is_of_the_main_repository_and_of_the_runs_own_pull_request_or_branch(
    database: Database, others: Told, own: Told,
) -> None:
    of_main, _, before, run, _ = keep([Told("f" * 40), others, own, own, own])

    assert [past.run_id for past in list_past_runs(run, MAIN_REPOSITORY)] == [before.run_id, of_main.run_id]


def test_a_forks_run_without_a_branch_has_no_history_of_its_own(database: Database) -> None:
    of_main, _, run = keep([Told("f" * 40), *[Told("a" * 40, repository=FORK, branch=None)] * 2])

    assert [past.run_id for past in list_past_runs(run, MAIN_REPOSITORY)] == [of_main.run_id]


HISTORIES = st.lists(st.builds(
    Told, st.sampled_from(COMMITS), st.sampled_from([*RAN, RunStatus.QUEUED.value, RunStatus.ERROR.value]),
    st.sampled_from(["linux", "linux", "windows"]), st.sampled_from([MAIN_REPOSITORY, MAIN_REPOSITORY, FORK]),
    st.sampled_from([None, None, None, 7]), st.sampled_from([None, *COMMITS, *COMMITS, "A" * 40]),
    st.sampled_from([None, None, *COMMITS, "B" * 40])), min_size=1, max_size=14)


def check(database: Database, history: list[Told], generations: int) -> None:
    """Hold the base of every run against a plain look at all of them."""
    database.empty()
    kept = keep(history)
    for place, run in enumerate(kept):
        expected = plain_choice(history, place, generations)

        found = choose_base(run, MAIN_REPOSITORY, generations=generations)

        assert found == (expected and Base(kept[expected[0]].run_id, expected[1]))


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(HISTORIES, st.sampled_from([0, 1, 2, 200]))
def test_a_base_on_sqlite_is_the_plain_choice(sqlite_database: Database, history: list[Told], generations: int) -> None:
    check(sqlite_database, history, generations)


@pytest.mark.mariadb
@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(HISTORIES, st.sampled_from([0, 1, 2, 200]))
def test_a_base_on_mariadb_is_the_plain_choice(mariadb_database: Database, history: list[Told], generations: int) -> None:
    check(mariadb_database, history, generations)
