"""Many requests for new baselines are decided about at once, and taken back, on either database."""
from __future__ import annotations

from dataclasses import replace

import pytest

from api.domain.errors import Conflict, Forbidden, NotFound
from api.domain.results.approval import ApprovalStatus
from api.domain.results.review import Decision
from api.services.results import baseline_reviews
from tests.builders import BASELINE, add_regression_test, minutes
from tests.databases import Database
from tests.platform_writes import set_baseline
from tests.services.results.reviewing import (
    ANOTHER,
    GOT,
    RUN,
    People,
    asked,
    attempt,
    baselines,
    count_changes,
    decide,
    look,
    output_of,
    proposed,
)


def test_all_that_was_seen_is_approved(people: People) -> None:
    waiting = asked(people)

    decided = decide(waiting, Decision.APPROVE, people.ann)

    assert [(each.approval_id, each.status, each.decided_by) for each in decided] == [
        (each.approval_id, ApprovalStatus.APPROVED, "ann@example.test") for each in waiting]
    assert baselines(waiting) == [GOT] * 3


def test_all_that_was_seen_is_rejected(people: People) -> None:
    waiting = asked(people)

    decided = decide(waiting, Decision.REJECT, people.ann)

    assert {each.status for each in decided} == {ApprovalStatus.REJECTED}
    assert baselines(waiting) == [BASELINE] * 3


def test_of_many_outputs_of_one_run_the_statements_are_few(database: Database, people: People) -> None:
    few, many = asked(people, 2), asked(people, 20)
    with database.counted() as for_few:
        decide(few, Decision.APPROVE, people.ann)

    with database.counted() as for_many:
        decide(many, Decision.APPROVE, people.ann)

    def kinds(seen: list[str]) -> int:
        return len([each for each in seen if not each.startswith("INSERT")])

    assert kinds(for_many) == kinds(for_few)


def test_nothing_is_decided_about_what_was_not_seen(people: People) -> None:
    waiting = asked(people)

    with pytest.raises(Conflict) as refused:
        decide(waiting, Decision.APPROVE, people.ann, seen=look(waiting[:2]))

    assert (refused.value.details["count"], refused.value.details["digest"]) == (3, look(waiting).digest)
    assert baselines(waiting) == [BASELINE] * 3


def test_where_one_baseline_changed_meanwhile_none_is_replaced(people: People) -> None:
    waiting = asked(people)
    set_baseline(output_of(waiting[1]), ANOTHER)

    with pytest.raises(Conflict) as refused:
        decide(waiting, Decision.APPROVE, people.ann)

    assert refused.value.details["output_ids"] == [output_of(waiting[1])]
    assert baselines(waiting) == [BASELINE, ANOTHER, BASELINE]
    assert count_changes() == 0


def test_requests_that_contradict_each_other_are_not_approved_together(people: People) -> None:
    test = add_regression_test()
    waiting = [baseline_reviews.ask(RUN, [proposed(test, after=after)], people.asker)[0] for after in (GOT, ANOTHER)]

    with pytest.raises(Conflict) as refused:
        decide(waiting, Decision.APPROVE, people.ann)

    assert refused.value.details["output_ids"] == [test.output_id]


def test_a_request_that_there_is_not_is_named(people: People) -> None:
    waiting = asked(people, 1)
    missing = replace(waiting[0], approval_id=waiting[0].approval_id + 7)

    with pytest.raises(NotFound) as refused:
        decide([*waiting, missing], Decision.APPROVE, people.ann)

    assert refused.value.details["id"] == missing.approval_id


def test_nobody_decides_about_a_request_of_their_own_among_others(people: People) -> None:
    waiting = asked(people, 2) + asked(people, 1, by=people.ann)

    with pytest.raises(Forbidden) as refused:
        decide(waiting, Decision.APPROVE, people.ann)

    assert refused.value.details["approval_ids"] == [str(waiting[2].approval_id)]
    assert {each.status for each in decide(waiting, Decision.APPROVE, people.bob)} == {ApprovalStatus.APPROVED}


def test_the_same_person_may_repeat_a_decision_and_changes_nothing(people: People) -> None:
    waiting = asked(people)
    first = decide(waiting, Decision.APPROVE, people.ann)

    again = decide(waiting, Decision.APPROVE, people.later(minutes(5)).ann)

    assert (again, count_changes()) == (first, 3)


@pytest.mark.parametrize("second", [Decision.APPROVE, Decision.REJECT])
def test_of_two_who_decide_at_once_one_wins_and_the_other_learns_who_it_was(database: Database, people: People, second: Decision) -> None:
    waiting = asked(people)

    answers = database.together(
        lambda: attempt(lambda: decide(waiting, Decision.APPROVE, people.ann)),
        lambda: attempt(lambda: decide(waiting, second, people.bob)))

    winner = ("ann", "bob")[answers.index("done")]
    assert sorted(answers) == [f"conflict {[f'{winner}@example.test'] * 3}", "done"]
    assert len(set(baselines(waiting))) == 1


def test_of_two_who_decide_at_once_about_some_of_the_same_one_wins(database: Database, people: People) -> None:
    waiting = asked(people, 4)

    answers = database.together(
        lambda: attempt(lambda: decide(waiting[:3], Decision.APPROVE, people.ann)),
        lambda: attempt(lambda: decide(waiting[:0:-1], Decision.APPROVE, people.bob)))

    assert answers.count("done") == 1
    assert sorted(baselines(waiting)) == sorted([GOT] * 3 + [BASELINE])


def test_the_requests_of_some_outputs_of_a_run_are_found_without_their_ids(people: People) -> None:
    waiting = asked(people)
    selection = baseline_reviews.by_outputs(RUN, [output_of(each) for each in waiting[:2]])

    decided = baseline_reviews.decide_many(selection, look(waiting[:2]), Decision.APPROVE, "Seen.", people.ann)

    assert [each.approval_id for each in decided] == [each.approval_id for each in waiting[:2]]
    assert baselines(waiting) == [GOT, GOT, BASELINE]


def test_a_request_that_was_added_meanwhile_is_not_decided_about_unseen(people: People) -> None:
    waiting = asked(people)
    selection = baseline_reviews.by_outputs(RUN, [output_of(each) for each in waiting])

    with pytest.raises(Conflict) as refused:
        baseline_reviews.decide_many(selection, look(waiting[:2]), Decision.APPROVE, None, people.ann)

    assert refused.value.details["approval_ids"] == [str(each.approval_id) for each in waiting]
