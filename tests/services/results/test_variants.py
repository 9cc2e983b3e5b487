"""Outputs are accepted beside a baseline, and no longer, by approvals alone, on either database."""
from __future__ import annotations

from dataclasses import replace

import pytest

from api.domain.errors import Conflict, Forbidden, NotFound, Unprocessable
from api.domain.results.approval import NO_RUN, Approval, ApprovalKind, ApprovalStatus, BaselineProposal, Proposal
from api.domain.results.review import Decision
from api.services.results import baseline_reviews
from api.storage.catalog.regression_tests import load_regression_test
from api.storage.database import session
from api.storage.results import approvals
from tests.builders import BASELINE, BuiltTest, Output, add_regression_test, digest_of
from tests.databases import Database
from tests.platform_writes import set_baseline
from tests.services.results.reviewing import ANOTHER, GOT, REASON, RUN, People, attempt, decide, proposed

# What no store has a file of.
UNSEEN = digest_of("nobody saw this")


def as_variant(test: BuiltTest, *, after: str = GOT) -> Proposal:
    """What a run's output may be asked to become."""
    proposal = proposed(test, after=after)
    return replace(proposal, wish=replace(proposal.wish, kind=ApprovalKind.VARIANT))


def ask(people: People, test: BuiltTest, *, after: str = GOT) -> list[Approval]:
    return baseline_reviews.ask(RUN, [as_variant(test, after=after)], people.asker)


def ask_for_hash(people: People, test: BuiltTest, kind: ApprovalKind = ApprovalKind.VARIANT, digest: str = UNSEEN) -> list[Approval]:
    wish = BaselineProposal(test.regression_id, test.output_id, REASON, kind=kind)
    return [baseline_reviews.ask_for_hash(wish, digest, people.asker)]


def expected(test: BuiltTest) -> tuple[str, tuple[str, ...]]:
    """The baseline of a test's first output today, and its variants."""
    session().rollback()
    output = load_regression_test(test.regression_id).definition.outputs[0]
    session().rollback()
    return output.baseline, tuple(sorted(output.acceptable))


def test_a_variant_is_accepted_beside_the_baseline_once_it_is_approved(people: People) -> None:
    test = add_regression_test()
    waiting = ask(people, test)
    before = expected(test)

    decide(waiting, Decision.APPROVE, people.ann)

    assert (before, expected(test)) == ((BASELINE, ()), (BASELINE, (GOT,)))


def test_a_hash_that_nobody_has_a_file_of_waits_like_any_other(people: People) -> None:
    test = add_regression_test()

    waiting = ask_for_hash(people, test, digest=UNSEEN.upper())

    assert (waiting[0].status, waiting[0].proposal.run_id, waiting[0].proposal.hash_after) == (ApprovalStatus.PENDING, NO_RUN, UNSEEN)
    decide(waiting, Decision.APPROVE, people.ann)
    assert expected(test) == (BASELINE, (UNSEEN,))


def test_who_asked_for_a_variant_does_not_approve_it(people: People) -> None:
    waiting = baseline_reviews.ask(RUN, [as_variant(add_regression_test())], people.ann)

    with pytest.raises(Forbidden):
        decide(waiting, Decision.APPROVE, people.ann)


def test_a_variant_is_taken_back(people: People) -> None:
    test = add_regression_test(outputs=[Output(acceptable=(ANOTHER,))])
    approved = decide(ask(people, test), Decision.APPROVE, people.ann)

    inverse = decide(approved, Decision.REVERT, people.bob)[0]

    assert (inverse.proposal.wish.kind, inverse.proposal.hash_after) == (ApprovalKind.VARIANT_REMOVAL, GOT)
    assert expected(test) == (BASELINE, (ANOTHER,))


def test_a_variant_is_dropped_in_whatever_case_it_is_written_and_taken_up_again(people: People) -> None:
    test = add_regression_test(outputs=[Output(acceptable=(ANOTHER.upper(), GOT))])

    dropped = decide(ask_for_hash(people, test, ApprovalKind.VARIANT_REMOVAL, ANOTHER), Decision.APPROVE, people.ann)
    without = expected(test)
    decide(dropped, Decision.REVERT, people.bob)

    assert (without, expected(test)) == ((BASELINE, (GOT,)), (BASELINE, tuple(sorted((ANOTHER, GOT)))))


def test_several_variants_of_one_output_are_approved_at_once(people: People) -> None:
    test = add_regression_test()
    waiting = [*ask(people, test), *ask(people, test, after=ANOTHER)]

    decide(waiting, Decision.APPROVE, people.ann)

    assert expected(test) == (BASELINE, tuple(sorted((ANOTHER, GOT))))


def test_of_a_baseline_and_a_variant_of_one_output_at_once_neither_is_approved(people: People) -> None:
    test = add_regression_test()
    waiting = [*ask(people, test), *baseline_reviews.ask(RUN, [proposed(test, after=ANOTHER)], people.asker)]

    with pytest.raises(Conflict) as refused:
        decide(waiting, Decision.APPROVE, people.ann)

    assert refused.value.details == {"output_ids": [test.output_id]}
    assert expected(test) == (BASELINE, ())


def test_the_same_request_is_one_and_once_approved_is_found_again(people: People) -> None:
    test = add_regression_test()

    first, again = ask(people, test), ask(people, test)
    decide(first, Decision.APPROVE, people.ann)
    granted = ask(people, test)

    assert [each[0].approval_id for each in (again, granted)] == [first[0].approval_id] * 2
    assert granted[0].status is ApprovalStatus.APPROVED


def test_what_is_accepted_already_is_not_asked_for_and_what_is_not_is_not_dropped(people: People) -> None:
    test = add_regression_test(outputs=[Output(acceptable=(ANOTHER,))])

    for kind, digest in ((ApprovalKind.VARIANT, ANOTHER), (ApprovalKind.VARIANT, BASELINE), (ApprovalKind.VARIANT_REMOVAL, GOT)):
        with pytest.raises((Conflict, Unprocessable)):
            ask_for_hash(people, test, kind, digest)


def test_a_variant_that_came_another_way_meanwhile_is_not_approved(people: People) -> None:
    test = add_regression_test()
    waiting, other = ask(people, test), ask_for_hash(people, test, digest=GOT)
    decide(other, Decision.APPROVE, people.ann)

    with pytest.raises(Conflict, match="already"):
        decide(waiting, Decision.APPROVE, people.ann)

    assert expected(test) == (BASELINE, (GOT,))


def test_a_variant_of_a_baseline_that_was_replaced_is_not_approved(people: People) -> None:
    test = add_regression_test()
    waiting = ask(people, test)
    set_baseline(test.output_id, ANOTHER)

    with pytest.raises(Conflict, match="changed"):
        decide(waiting, Decision.APPROVE, people.ann)


def test_an_output_without_a_baseline_has_no_variants(people: People) -> None:
    test = add_regression_test()
    set_baseline(test.output_id, "")

    with pytest.raises(Unprocessable):
        ask_for_hash(people, test)


def test_a_variant_of_another_tests_output_is_not_found(people: People) -> None:
    test, other = add_regression_test(), add_regression_test()

    with pytest.raises(NotFound):
        ask_for_hash(people, replace(test, regression_id=other.regression_id))


def test_of_two_who_approve_one_variant_at_once_one_does(database: Database, people: People) -> None:
    test = add_regression_test()
    waiting = ask(people, test)

    answers = database.together(*(
        lambda by=by: attempt(lambda: decide(waiting, Decision.APPROVE, by)) for by in (people.ann, people.bob)))

    assert answers.count("done") == 1
    assert expected(test) == (BASELINE, (GOT,))


def test_a_variant_changes_no_baseline_and_so_not_its_history(people: People) -> None:
    test = add_regression_test()

    decide(ask(people, test), Decision.APPROVE, people.ann)

    assert approvals.list_changes(test.regression_id, test.output_id, limit=10, offset=0).items == []
