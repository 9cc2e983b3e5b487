"""The queue and the branches."""
from __future__ import annotations

from datetime import timedelta

import pytest

from api.domain.runs.run import Phase, Platform, RunStatus
from api.services.runs.platform_sync import catch_up
from api.storage.database import session
from api.storage.runs.queue import list_branches, load_queue
from tests.builders import MAIN_REPOSITORY, NOW, add_event, add_finished_run, add_regression_test, add_run, minutes
from tests.databases import Database
from tests.platform_writes import delete_events
from tests.services.acting import cancel, create, execute, tell

LONG_AGO = minutes(-10**6)


def fill() -> dict[str, int]:
    """Runs of every kind, by a name for each."""
    made = {
        "over": add_finished_run(), "linux 1": add_run(), "windows 1": add_run(platform="windows"), "linux going": add_run(),
        "linux 2": add_run(), "windows going": add_run(platform="windows")}
    for name in ("linux going", "windows going"):
        add_event(made[name], Phase.TESTING)
    catch_up(NOW)
    return made


@pytest.mark.parametrize(("platform", "status", "expected"), [
    (None, None, ["linux going", "windows going", "linux 1", "windows 1", "linux 2"]),
    (Platform.LINUX, None, ["linux going", "linux 1", "linux 2"]),
    (None, RunStatus.QUEUED, ["linux 1", "windows 1", "linux 2"]),
    (Platform.WINDOWS, RunStatus.RUNNING, ["windows going"]),
])
def test_the_queue_shows_running_runs_first_and_then_the_waiting_in_their_order(
    database: Database, platform: Platform | None, status: RunStatus | None, expected: list[str],
) -> None:
    made = fill()

    queue = load_queue(platform, status, MAIN_REPOSITORY, limit=10, offset=0)

    assert [run.run_id for run in queue.page.items] == [made[name] for name in expected]
    assert queue.page.total == len(expected)


def test_a_place_in_the_queue_depends_on_the_platform_alone(database: Database) -> None:
    made = fill()

    whole = load_queue(None, None, MAIN_REPOSITORY, limit=100, offset=0)
    parts = [run for offset in range(5) for run in load_queue(None, None, MAIN_REPOSITORY, limit=1, offset=offset).page.items]
    waiting = load_queue(Platform.LINUX, RunStatus.QUEUED, MAIN_REPOSITORY, limit=1, offset=1)

    places = {run.run_id: run.position for run in whole.page.items}
    assert {name: places.get(made[name]) for name in made} == {
        "over": None, "linux going": None, "windows going": None, "linux 1": 1, "linux 2": 2, "windows 1": 1}
    assert parts == list(whole.page.items)
    assert [run.position for run in waiting.page.items] == [2]


def test_depth_and_running_count_whatever_is_shown(database: Database) -> None:
    fill()

    whole = load_queue(None, RunStatus.RUNNING, MAIN_REPOSITORY, limit=1, offset=5)
    linux = load_queue(Platform.LINUX, None, MAIN_REPOSITORY, limit=1, offset=0)

    assert (whole.depth, whole.running, linux.depth, linux.running) == (3, 2, 2, 1)


def test_places_move_up_when_runs_are_taken_canceled_or_restarted(database: Database) -> None:
    test = add_regression_test()
    made = [create(test) for _ in range(4)]
    tell(made[0], Phase.PREPARATION)
    cancel(made[1])
    before = [(run.run_id, run.position) for run in load_queue(None, None, MAIN_REPOSITORY, limit=10, offset=0).page.items]
    session().rollback()
    delete_events(made[1])
    catch_up(minutes(1))

    after = [(run.run_id, run.position) for run in load_queue(None, None, MAIN_REPOSITORY, limit=10, offset=0).page.items]

    assert before == [(made[0], None), (made[2], 1), (made[3], 2)]
    assert after == [(made[0], None), (made[1], 1), (made[2], 2), (made[3], 3)]


def waiting_now() -> list[int]:
    catch_up(NOW)
    return [run.run_id for run in load_queue(Platform.LINUX, RunStatus.QUEUED, MAIN_REPOSITORY, limit=100, offset=0).page.items]


def test_main_comes_before_pull_requests_and_these_before_repeats(database: Database) -> None:
    add_finished_run(add_regression_test(), commit="a" * 40)
    repeats = [add_run(commit="a" * 40), add_run(commit="A" * 40, branch="topic")]
    proposed = [add_run(branch="pull_request", pull_request=7), add_run(repository="ada/fork")]
    main = [add_run(), add_run(branch="topic")]

    assert waiting_now() == [*main, *proposed, *repeats]


def test_of_a_commit_whose_run_came_to_nothing_another_is_no_repeat(database: Database) -> None:
    test = add_regression_test()
    cancel(create(test))
    again, proposed = create(test), add_run(branch="pull_request", pull_request=7)

    assert waiting_now() == [again, proposed]


def test_each_pull_requests_first_run_comes_before_the_second_of_any(database: Database) -> None:
    busy = [add_run(branch="pull_request", pull_request=7) for _ in range(3)]
    calm = [add_run(branch="pull_request", pull_request=number) for number in (8, 9)]
    fork = add_run(repository="ada/fork", branch="x")
    busy.append(add_run(branch="pull_request", pull_request=7))
    add_event(busy[0], Phase.TESTING)

    # The first of the busy one is being executed.
    assert waiting_now() == [*calm, fork, *busy[1:]]


def test_a_run_of_another_platform_takes_nobodys_turn(database: Database) -> None:
    add_run(branch="pull_request", pull_request=7, platform="windows")
    first, other = add_run(branch="pull_request", pull_request=7), add_run(branch="pull_request", pull_request=8)

    assert waiting_now() == [first, other]


def test_a_branch_shows_the_newest_runs_commit(database: Database) -> None:
    add_finished_run(branch="master", commit="a" * 40, at=minutes(-100))
    add_finished_run(branch="master", commit="b" * 40, at=minutes(-50))
    add_finished_run(branch="topic", at=minutes(-10), repository="ada/Fork")
    catch_up(NOW)

    found = list_branches(None, None, LONG_AGO, None, limit=10, offset=0)

    assert [(branch.repository, branch.name) for branch in found.items] == [("ada/Fork", "topic"), (MAIN_REPOSITORY, "master")]
    assert (found.items[1].head, found.items[1].newest_at) == ("b" * 40, minutes(-50))


@pytest.mark.parametrize(("repository", "name", "active", "expected"), [
    (None, None, None, ["100%", "Fix_it", "fixXit", "ÖL"]), (None, "FIX", None, ["Fix_it", "fixXit"]), (None, "x_", None, ["Fix_it"]),
    (None, "%", None, ["100%"]), (None, "öl", None, []), (None, "ÖL", None, ["ÖL"]), (None, "🎬", None, []), ("ADA/fork", None, None, []),
    (MAIN_REPOSITORY.upper(), None, True, ["Fix_it"]), (None, None, False, ["100%", "fixXit", "ÖL"]), (None, "it", False, ["fixXit"]),
])
def test_branches_are_narrowed_as_asked(
    database: Database, repository: str | None, name: str | None, active: bool | None, expected: list[str],
) -> None:
    for branch, age in (("100%", 100), ("Fix_it", 5), ("fixXit", 90), ("ÖL", 100)):
        add_finished_run(branch=branch, at=minutes(-age))
    add_run(branch="")
    catch_up(NOW)

    found = list_branches(repository, name, minutes(-60), active, limit=10, offset=0)

    assert [branch.name for branch in found.items] == expected
    assert found.total == len(expected)


def test_branches_come_page_by_page_without_gap_or_repeat(database: Database) -> None:
    for number in range(7):
        add_finished_run(branch=f"b{number % 5}", at=NOW + timedelta(minutes=number))
    catch_up(NOW)

    pages = [list_branches(None, name, LONG_AGO, None, limit=2, offset=offset) for name in (None, "b") for offset in (0, 2, 4, 6)]

    assert [branch.name for page in pages for branch in page.items] == ["b0", "b1", "b2", "b3", "b4"] * 2
    assert {page.total for page in pages} == {5}


def test_an_empty_database_has_no_queue_and_no_branches(database: Database) -> None:
    queue = load_queue(None, None, MAIN_REPOSITORY, limit=10, offset=0)

    assert (queue.page.total, queue.depth, queue.running) == (0, 0, 0)
    assert list_branches(None, None, LONG_AGO, None, limit=10, offset=0).total == 0


def test_a_run_leaves_the_queue_when_it_is_over(database: Database) -> None:
    test = add_regression_test()
    run_id = create(test)
    execute(run_id, test)

    assert load_queue(None, None, MAIN_REPOSITORY, limit=10, offset=0).page.total == 0
