"""The line of a run and its base are what a plain look at all runs finds, however many there are."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from api.domain.results.base_run import Base, BaseReason
from api.domain.runs.run import Platform, Run, RunStatus
from api.storage.database import session, transaction
from api.storage.platform_tables import TestRow
from api.storage.runs.line import GENERATIONS, PAST_RUNS, RAN, load_line, load_line_and_sources, load_repeats
from api.storage.tables.runs import RunRow
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
             "parent_sha": each.parent, "merge_base_sha": each.merge_base, "evidence": digest_of(f"evidence {number}")[:32]}
            for number, each in numbered])
    return [
        Run(number, RunStatus(each.status), Platform(each.platform), each.repository, each.branch, each.commit, each.pull_request,
            minutes(number), None, parent_sha=each.parent, merge_base_sha=each.merge_base) for number, each in numbered]


def walked(history: Sequence[Told], start: dict[str, int], told: Callable[[Told], bool], generations: int) -> dict[str, int]:
    """The commits that are reached from a start by the parents that such runs name, with the shortest way to each."""
    found, edge = dict(start), dict(start)
    while edge:
        parents = [
            (each.parent.lower(), edge[each.commit] + 1) for each in history
            if each.commit in edge and told(each) and each.parent and edge[each.commit] < generations]
        edge = {}
        for commit, way in sorted(parents, key=lambda each: each[1]):
            if way < found.get(commit, generations + 1):
                found[commit] = edge[commit] = way
    return found


def plain_line(history: Sequence[Told], place: int, generations: int) -> list[tuple[int, bool, bool]]:
    """The places of the runs of a line, whether each is the run's own, and whether it is assumed, by looking at every run there is."""
    run, merge_base = history[place], (history[place].merge_base or "").lower()

    def is_own(each: Told) -> bool:
        same = (each.repository, each.pull_request) == (run.repository, run.pull_request)
        if run.pull_request is not None:
            return same
        return same and (each.commit == run.commit if run.is_of_main else run.branch is not None and each.branch == run.branch)

    ran = [index for index, each in enumerate(history) if index != place and each.platform == run.platform and each.status in RAN]
    own_way = walked(history, {run.commit: 0}, is_own, generations)
    start = {merge_base: 0} if merge_base else {commit: way for commit, way in own_way.items() if way and commit != run.commit}
    main_way = walked(history, start, lambda each: each.is_of_main, generations)
    is_its_base = merge_base == run.commit
    own = [index for index in ran if history[index].commit in own_way and is_own(history[index])
           and (history[index].commit != run.commit or (index < place and not is_its_base))]
    main = [index for index in ran if history[index].commit in main_way and history[index].is_of_main
            and (history[index].commit != run.commit or is_its_base)]
    own.sort(key=lambda index: (own_way[history[index].commit], -index))
    main.sort(key=lambda index: (main_way[history[index].commit], -index))
    farthest = [index for index in main if main_way[history[index].commit] == main_way[history[main[-1]].commit]]
    first = min(farthest or [index for index, each in enumerate(history) if (each.commit, each.repository, each.pull_request) == (
        run.commit, run.repository, run.pull_request)])
    known = dict.fromkeys([(index, True, False) for index in own])
    known |= dict.fromkeys([(index, False, False) for index in main if index not in own])
    older = [index for index in reversed(ran) if index < place and index not in {each for each, *_ in known} and (
        (history[index].is_of_main and index < first) or (run.parent is None and is_own(history[index])))]
    return [*known, *((index, is_own(history[index]), True) for index in older)]


def test_a_merge_base_is_found_however_many_runs_are_newer(database: Database) -> None:
    others = [Told("f" * 40, platform="windows")] * 2001
    first, *_, run = keep([
        Told("a" * 40), *others, Told("b" * 40, RunStatus.FAIL.value), Told("c" * 40, pull_request=9, merge_base="a" * 40)])

    assert load_line(run, MAIN_REPOSITORY).base == Base(first.run_id, BaseReason.MERGE_BASE)


def test_an_old_run_keeps_the_run_before_it_as_its_base(database: Database) -> None:
    before, run, *_ = keep([Told("a" * 40), Told("b" * 40), *[Told("c" * 40, RunStatus.QUEUED.value)] * 2001])

    assert load_line(run, MAIN_REPOSITORY).base == Base(before.run_id, BaseReason.BEFORE)


@pytest.mark.parametrize("history", [
    [Told("a" * 40), Told("f" * 40), Told("b" * 40, RunStatus.QUEUED.value, parent="A" * 40), Told("c" * 40, parent="b" * 40)],
    [Told("a" * 40), Told("f" * 40), Told("b" * 40, platform="windows", parent="a" * 40), Told("c" * 40, merge_base="B" * 40)],
])
def test_where_a_commit_was_not_tested_its_parent_counts(database: Database, history: list[Told]) -> None:
    first, *_, run = keep(history)

    assert load_line(run, MAIN_REPOSITORY).base == Base(first.run_id, BaseReason.ANCESTOR)


def test_a_repeat_is_compared_with_what_came_before_the_first_run_of_its_commit(database: Database) -> None:
    before, *_, run = keep([Told("a" * 40), Told("b" * 40, RunStatus.FAIL.value), Told("c" * 40), Told("b" * 40)])

    assert load_line(run, MAIN_REPOSITORY).base == Base(before.run_id, BaseReason.BEFORE)


def test_the_merge_base_that_is_named_counts_though_it_is_the_runs_own_commit(database: Database) -> None:
    _, same, run = keep([Told("a" * 40), Told("b" * 40), Told("b" * 40, pull_request=9, merge_base="B" * 40)])

    assert load_line(run, MAIN_REPOSITORY).base == Base(same.run_id, BaseReason.MERGE_BASE)


def test_what_a_fork_says_of_ancestors_does_not_count(database: Database) -> None:
    _, before, *_, run = keep([
        Told("a" * 40), Told("f" * 40), Told("b" * 40, repository=FORK, parent="a" * 40), Told("c" * 40, pull_request=9, parent="b" * 40)])

    assert load_line(run, MAIN_REPOSITORY).base == Base(before.run_id, BaseReason.BEFORE)


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

    assert [past.run_id for past in load_line(run, MAIN_REPOSITORY).runs] == [before.run_id, of_main.run_id]


def test_a_forks_run_without_a_branch_has_no_history_of_its_own(database: Database) -> None:
    of_main, _, run = keep([Told("f" * 40), *[Told("a" * 40, repository=FORK, branch=None)] * 2])

    assert [past.run_id for past in load_line(run, MAIN_REPOSITORY).runs] == [of_main.run_id]


def test_a_line_has_a_base_however_many_runs_the_pull_request_has(database: Database) -> None:
    base, *_, run = keep([Told("a" * 40), *[Told("b" * 40, pull_request=9, parent="a" * 40, merge_base="a" * 40)] * (PAST_RUNS + 5)])

    line = load_line(run, MAIN_REPOSITORY)

    assert (line.base, len(line.runs)) == (Base(base.run_id, BaseReason.MERGE_BASE), PAST_RUNS // 2 + 1)


def test_commits_of_the_main_repository_that_were_not_tested_are_named(database: Database) -> None:
    *_, before, _, _, run = keep([
        Told("a" * 40), Told("b" * 40, parent="a" * 40), Told("c" * 40, RunStatus.ERROR.value, parent="b" * 40),
        Told("e" * 40, pull_request=9, parent="D" * 40), Told("f" * 40, pull_request=9, parent="e" * 40, merge_base="c" * 40)])

    line = load_line(run, MAIN_REPOSITORY)

    assert (line.base, line.between(before.run_id)) == (Base(before.run_id, BaseReason.ANCESTOR), ("c" * 40,))
    assert line.commits == ("c" * 40, "b" * 40, "a" * 40)


def test_a_commit_that_is_told_to_be_its_own_parent_is_no_farther_away_for_that(database: Database) -> None:
    history = [
        Told("b" * 40, parent="a" * 40), Told("c" * 40), Told("a" * 40), Told("b" * 40, parent="b" * 40),
        Told("e" * 40, pull_request=9, merge_base="b" * 40)]
    first, older, parent, base, run = keep(history)

    line = load_line(run, MAIN_REPOSITORY, generations=1)

    assert [(past.run_id, past.is_assumed) for past in line.runs] == [
        (base.run_id, False), (first.run_id, False), (parent.run_id, False), (older.run_id, True)]


HISTORIES = st.lists(st.builds(
    Told, st.sampled_from(COMMITS), st.sampled_from([*RAN, RunStatus.QUEUED.value, RunStatus.ERROR.value]),
    st.sampled_from(["linux", "linux", "windows"]), st.sampled_from([MAIN_REPOSITORY, MAIN_REPOSITORY, FORK]),
    st.sampled_from([None, None, None, 7]), st.sampled_from([None, *COMMITS, *COMMITS, "A" * 40]),
    st.sampled_from([None, None, *COMMITS, "B" * 40])), min_size=1, max_size=14)


def check(database: Database, history: list[Told], generations: int) -> None:
    """Hold the line of every run against a plain look at all of them."""
    database.empty()
    kept = keep(history)
    for place, run in enumerate(kept):
        expected = plain_line(history, place, generations)

        found = load_line(run, MAIN_REPOSITORY, generations=generations)

        assert [(each.run_id, each.is_own, each.is_assumed) for each in found.runs] == [
            (kept[index].run_id, is_own, is_assumed) for index, is_own, is_assumed in expected]
        if generations == GENERATIONS:
            line, sources = load_line_and_sources(run, MAIN_REPOSITORY)
            assert line == found
            assert {each.run_id for each in sources if each.is_on_line} == {each.run_id for each in line.runs}
            assert run.run_id not in {each.run_id for each in sources}


def test_runs_on_another_platform_tell_of_commits_of_which_not_all_tests_were_run(database: Database) -> None:
    _, half, there, before, run = keep([
        Told("a" * 40), Told("b" * 40, RunStatus.INCOMPLETE.value, parent="a" * 40), Told("b" * 40, platform="windows", parent="a" * 40),
        Told("a" * 40, platform="windows"), Told("c" * 40, parent="b" * 40)])

    line, sources = load_line_and_sources(run, MAIN_REPOSITORY)

    assert line.base == Base(half.run_id, BaseReason.ANCESTOR)
    assert [each.run_id for each in sources if each.platform is Platform.WINDOWS] == [there.run_id]
    assert before.run_id not in [each.run_id for each in sources]


def test_commits_that_were_run_more_than_once_tell_which_tests_are_not_the_same_twice(database: Database) -> None:
    once, twice, own = Told("a" * 40), Told("b" * 40, pull_request=9), Told("c" * 40)
    there = replace(own, platform="windows")
    _, first, twin, before, second, run, *others = keep([
        once, twice, replace(twice, platform="windows"), own, twice, own, there, there, replace(there, commit="d" * 40)])
    others.pop()

    found = load_repeats(run, frozenset())
    left = load_repeats(run, frozenset(each.run_id for each in (before, *others)))

    assert {each.run_id for each in found} == {each.run_id for each in (first, twin, before, second, *others)}
    assert [each.run_id for each in left] == [second.run_id, first.run_id, twin.run_id]


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(HISTORIES, st.sampled_from([0, 1, 2, 200]))
def test_a_line_on_sqlite_is_the_plain_one(sqlite_database: Database, history: list[Told], generations: int) -> None:
    check(sqlite_database, history, generations)


@pytest.mark.mariadb
@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(HISTORIES, st.sampled_from([0, 1, 2, 200]))
def test_a_line_on_mariadb_is_the_plain_one(mariadb_database: Database, history: list[Told], generations: int) -> None:
    check(mariadb_database, history, generations)
