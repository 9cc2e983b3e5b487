"""What reviewers look at: requests by cause, and decisions as they were made."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from api.domain.results.approval import proposals_of
from api.domain.results.review import Decision
from api.services.results import baseline_reviews, verdicts
from api.services.results.review_board import list_decided, list_waiting
from api.services.runs.runs import show_run
from tests.builders import MAIN_REPOSITORY, NOW, minutes
from tests.databases import Database
from tests.services.results.analysed import Scene
from tests.services.results.reviewing import People, asked, decide


@pytest.fixture
def scene(database: Database, tmp_path: Path) -> Scene:
    return Scene.made(tmp_path / "scene")


def propose_all(scene: Scene, people: People) -> int:
    """Ask for all that failed in a run whose cues end earlier in three tests."""
    scene.run("a")
    run_id = scene.run("b", "a", ends={0: "460", 1: "460", 2: "460"}, at=10)
    run = show_run(run_id, NOW)
    proposals = proposals_of(run_id, verdicts.judge_run(run).tests, "The new timing is right.")
    baseline_reviews.ask(run_id, proposals, replace(people.asker, archive=scene.archive))
    return run_id


def test_requests_of_a_run_are_told_by_their_cause(scene: Scene, people: People) -> None:
    run_id = propose_all(scene, people)
    scene.analyse_all()

    waiting, total = list_waiting(MAIN_REPOSITORY, NOW)

    assert [(each.run_id, len(each.approvals), each.cause is not None) for each in waiting] == [(run_id, 3, True)]
    assert (total, waiting[0].seen.count) == (3, 3)


def test_until_the_causes_are_known_requests_are_told_by_their_run(scene: Scene, people: People) -> None:
    run_id = propose_all(scene, people)

    waiting, _ = list_waiting(MAIN_REPOSITORY, NOW)

    assert [(each.run_id, len(each.approvals), each.cause) for each in waiting] == [(run_id, 3, None)]


def test_requests_of_a_run_that_is_gone_are_told_all_the_same(people: People) -> None:
    asked(people)

    waiting, _ = list_waiting(MAIN_REPOSITORY, NOW)

    assert [(len(each.approvals), each.cause) for each in waiting] == [(3, None)]


def test_what_was_decided_at_once_is_one_deed_the_newest_first(people: People) -> None:
    first, second = asked(people), asked(people, 2)
    decide(first, Decision.APPROVE, people.ann)
    decide(second, Decision.REJECT, people.later(minutes(5)).bob)
    decide(first, Decision.REVERT, people.later(minutes(10)).bob)

    told = [(each.by, len(each.approvals), each.is_reversal, each.can_be_reverted) for each in list_decided()]

    assert told == [
        ("bob@example.test", 3, True, False), ("bob@example.test", 2, False, False), ("ann@example.test", 3, False, False)]


def test_an_approval_that_stands_can_be_taken_back(people: People) -> None:
    decide(asked(people), Decision.APPROVE, people.ann)

    assert [each.can_be_reverted for each in list_decided()] == [True]
