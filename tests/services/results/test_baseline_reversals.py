"""Approvals of baselines are taken back, one or several at once, on either database."""
from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from api.domain.errors import Conflict, Forbidden, Unprocessable
from api.domain.results.approval import ApprovalStatus
from api.domain.results.review import Decision
from api.services.results import baseline_reviews
from api.storage.database import session
from api.storage.files.backends import LocalBackend
from api.storage.results import approvals
from api.storage.tables.results import ApprovalRow
from tests.builders import BASELINE, add_regression_test, add_sample, minutes
from tests.databases import Database
from tests.platform_writes import delete_output, set_baseline
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
    output_of,
    proposed,
)


def test_an_approval_is_taken_back_by_one_of_its_own(people: People) -> None:
    approved = decide(asked(people, 1), Decision.APPROVE, people.ann)[0]

    inverse = baseline_reviews.decide(approved.approval_id, Decision.REVERT, "The old one was right.", people.later(minutes(5)).bob)

    assert (inverse.reverts_id, inverse.status, inverse.requested_by, inverse.decided_by, inverse.decision_reason) == (
        approved.approval_id, ApprovalStatus.APPROVED, "bob@example.test", "bob@example.test", "The old one was right.")
    assert (inverse.proposal.hash_before, inverse.proposal.hash_after) == (GOT, BASELINE)
    assert baselines([approved]) == [BASELINE]


def test_what_was_taken_back_tells_by_what_and_by_whom(people: People) -> None:
    approved = decide(asked(people, 1), Decision.APPROVE, people.ann)[0]
    inverse = baseline_reviews.decide(approved.approval_id, Decision.REVERT, None, people.later(minutes(5)).bob)

    reversal = approvals.load_approval(approved.approval_id).reversal

    assert reversal is not None
    assert (reversal.approval_id, reversal.by, reversal.at) == (inverse.approval_id, "bob@example.test", minutes(5))


def test_variants_are_put_back_too_but_for_those_that_were_deleted(people: People) -> None:
    sample_id = add_sample()
    own, variant, deleted = (add_regression_test(sample_id=sample_id) for _ in range(3))
    waiting = baseline_reviews.ask(RUN, [proposed(own, variants=True)], people.asker)
    decide(waiting, Decision.APPROVE, people.ann)
    delete_output(deleted.output_id)

    decide(waiting, Decision.REVERT, people.ann)

    assert baselines([replace(waiting[0], proposal=proposed(each)) for each in (own, variant)]) == [BASELINE, BASELINE]


def test_a_first_baseline_is_taken_back_to_none(people: People) -> None:
    test = add_regression_test()
    set_baseline(test.output_id, "")
    waiting = baseline_reviews.ask(RUN, [replace(proposed(test), hash_before="")], people.asker)
    decide(waiting, Decision.APPROVE, people.ann)

    decide(waiting, Decision.REVERT, people.ann)

    assert baselines(waiting) == [""]


def test_several_approvals_are_taken_back_at_once_or_none_is(people: People) -> None:
    approved = decide(asked(people), Decision.APPROVE, people.ann)
    set_baseline(output_of(approved[1]), ANOTHER)

    with pytest.raises(Conflict) as refused:
        decide(approved, Decision.REVERT, people.ann)

    assert refused.value.details["output_ids"] == [output_of(approved[1])]
    assert baselines(approved) == [GOT, ANOTHER, GOT]
    set_baseline(output_of(approved[1]), GOT)
    assert [each.reverts_id for each in decide(approved, Decision.REVERT, people.ann)] == [each.approval_id for each in approved]
    assert baselines(approved) == [BASELINE] * 3


def test_an_approval_of_a_deleted_output_is_not_taken_back(people: People) -> None:
    approved = decide(asked(people, 2), Decision.APPROVE, people.ann)
    delete_output(output_of(approved[0]))

    with pytest.raises(Conflict, match="deleted") as refused:
        decide(approved, Decision.REVERT, people.ann)

    assert refused.value.details["output_ids"] == [output_of(approved[0])]


def test_two_approvals_of_one_output_are_taken_back_together(people: People) -> None:
    test = add_regression_test()
    steps = [proposed(test), replace(proposed(test, after=ANOTHER), hash_before=GOT)]
    approved = [decide(baseline_reviews.ask(RUN, [each], people.asker), Decision.APPROVE, people.ann)[0] for each in steps]
    with pytest.raises(Conflict):
        decide(approved[:1], Decision.REVERT, people.ann)

    decide(approved, Decision.REVERT, people.ann)

    assert baselines(approved) == [BASELINE, BASELINE]


def test_taking_back_again_finds_the_first_time(people: People) -> None:
    approved = decide(asked(people), Decision.APPROVE, people.ann)
    first = decide(approved, Decision.REVERT, people.ann)

    again = decide(approved, Decision.REVERT, people.later(minutes(5)).ann)
    alone = baseline_reviews.decide(approved[0].approval_id, Decision.REVERT, None, people.bob)

    assert (again, alone) == (first, first[0])


def test_of_two_who_take_back_at_once_one_does(database: Database, people: People) -> None:
    approved = decide(asked(people), Decision.APPROVE, people.ann)

    answers = database.together(*(
        lambda by=by: attempt(lambda: decide(approved, Decision.REVERT, by)) for by in (people.ann, people.bob)))  # type: ignore[misc]

    assert answers.count("done") == 1
    assert count_changes() == 6
    assert baselines(approved) == [BASELINE] * 3


def test_whoever_asked_takes_back_no_approval_of_it(people: People) -> None:
    approved = decide(asked(people, 1, by=people.bob), Decision.APPROVE, people.ann)

    with pytest.raises(Forbidden):
        decide(approved, Decision.REVERT, people.bob)


def test_what_takes_back_is_not_taken_back(people: People) -> None:
    approved = decide(asked(people, 1), Decision.APPROVE, people.ann)
    inverse = decide(approved, Decision.REVERT, people.ann)[0]

    with pytest.raises(Conflict):
        baseline_reviews.decide(inverse.approval_id, Decision.REVERT, None, people.bob)


def test_a_baseline_whose_file_is_gone_is_not_put_back(people: People, local: LocalBackend) -> None:
    approved = decide(asked(people, 1), Decision.APPROVE, people.ann)
    local.path(f"TestResults/{BASELINE}.srt").unlink()

    with pytest.raises(Unprocessable) as refused:
        decide(approved, Decision.REVERT, people.ann)

    assert refused.value.details["output_ids"] == [output_of(approved[0])]


def test_what_was_taken_back_can_be_asked_for_anew(people: People) -> None:
    approved = decide(asked(people, 1), Decision.APPROVE, people.ann)
    decide(approved, Decision.REVERT, people.ann)

    anew = baseline_reviews.ask(RUN, [approved[0].proposal], people.asker)[0]

    assert (anew.status, anew.approval_id == approved[0].approval_id) == (ApprovalStatus.PENDING, False)


def test_the_history_of_a_baseline_has_both(people: People) -> None:
    approved = decide(asked(people, 1), Decision.APPROVE, people.ann)[0]
    inverse = decide([approved], Decision.REVERT, people.ann)[0]
    wish = approved.proposal.wish

    changes = approvals.list_changes(wish.regression_id, wish.output_id, limit=10, offset=0).items

    assert [(each.hash_before, each.hash_after, each.approval.approval_id) for each in changes] == [
        (GOT, BASELINE, inverse.approval_id), (BASELINE, GOT, approved.approval_id)]


def test_a_reversal_is_listed_among_the_requests(people: People) -> None:
    approved = decide(asked(people, 1), Decision.APPROVE, people.ann)[0]
    decide([approved], Decision.REVERT, people.ann)

    listed = approvals.list_approvals(None, RUN, limit=10, offset=0).items

    assert [(each.reverts_id, each.reversal is None) for each in listed] == [(approved.approval_id, True), (None, False)]
    assert session().execute(select(func.count()).select_from(ApprovalRow)).scalar_one() == 2
