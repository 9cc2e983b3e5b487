"""Deciding about requests for new baselines."""
from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.auth.access import Role
from api.domain.errors import Conflict, Forbidden, NotFound
from api.domain.results.approval import Approval, ApprovalKind, ApprovalStatus, BaselineProposal, Proposal, Reversal
from api.domain.results.review import (
    Decision,
    View,
    authorize_decision,
    check_in_force,
    check_open,
    check_seen,
    check_unchanged,
    choose_seen,
    failing_for_one_cause,
    is_open,
    view_of,
)
from tests.domain.results.judging import BASELINE, OTHER, VARIANT, caller

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WISH = BaselineProposal(1, 5, "Timing of the roll-up captions was corrected")
PROPOSAL = Proposal(9, 7, WISH, BASELINE, OTHER, ".srt")
APPROVAL = Approval(1, PROPOSAL, ApprovalStatus.PENDING, 3, "Ann", NOW)
APPROVED = replace(APPROVAL, status=ApprovalStatus.APPROVED, decided_by="Bob", decided_at=NOW)
REJECTED = replace(APPROVAL, status=ApprovalStatus.REJECTED, decided_by="Bob", decided_at=NOW)
REVERTED = replace(APPROVED, reversal=Reversal(8, "Bob", NOW))
INVERSE = replace(APPROVED, approval_id=8, reverts_id=1)


def for_output(output_id: int, **changes: Any) -> Proposal:
    return replace(PROPOSAL, wish=replace(WISH, output_id=output_id, **changes))


def numbered(approval: Approval, *ids: int, **changes: Any) -> list[Approval]:
    """The same for several requests, each for the output of its own number."""
    return [replace(approval, approval_id=each, proposal=for_output(each), **changes) for each in ids]


def seen_of(approvals: Sequence[Approval]) -> View:
    return view_of(each.proposal for each in approvals)


def test_what_was_seen_is_a_line_for_each_output_with_both_hashes() -> None:
    text = f"5 {BASELINE} {OTHER}\n11 {BASELINE} {OTHER} variants\n12  {OTHER}\n13 {BASELINE} {OTHER} variant\n"
    asked = [
        for_output(11, apply_to_variants=True), for_output(5), replace(for_output(12, apply_to_variants=True), hash_before=""),
        for_output(13, kind=ApprovalKind.VARIANT)]

    assert view_of(asked) == View(4, hashlib.sha256(text.encode()).hexdigest())


proposals = st.builds(
    lambda output_id, before, after, variants: replace(
        for_output(output_id, apply_to_variants=variants), hash_before=before, hash_after=after),
    st.integers(1, 3), st.sampled_from(["", BASELINE]), st.sampled_from([OTHER, VARIANT]), st.booleans())


@given(st.lists(proposals, max_size=4), st.lists(proposals, max_size=4))
def test_two_looks_are_the_same_where_the_same_would_change_and_only_there(one: list[Proposal], other: list[Proposal]) -> None:
    def content(asked: list[Proposal]) -> list[tuple[int, str, str, bool]]:
        return sorted((each.wish.output_id, each.hash_before, each.hash_after, each.spreads) for each in asked)

    assert (view_of(one) == view_of(other)) is (content(one) == content(other))


def test_what_is_as_it_was_seen_may_be_asked_for() -> None:
    check_seen([for_output(6), for_output(5)], view_of([for_output(5), for_output(6)]))


def test_what_is_not_as_it_was_seen_is_refused_with_what_there_is() -> None:
    seen, now = view_of([PROPOSAL]), view_of([PROPOSAL, for_output(6)])

    with pytest.raises(Conflict) as refused:
        check_seen([PROPOSAL, for_output(6)], seen)

    assert refused.value.details == {"expected_count": 1, "count": 2, "digest": now.digest}


def test_a_test_that_fails_for_another_cause_too_is_left_out() -> None:
    assert failing_for_one_cause({"a": (1, 2, 3), "b": (3, 4)}, "a") == {1, 2}


def test_a_cluster_that_the_run_does_not_have_is_not_found() -> None:
    with pytest.raises(NotFound):
        failing_for_one_cause({"a": (1,)}, "b")


@pytest.mark.parametrize(("role", "user_id", "own_allowed", "may"), [
    (Role.ADMIN, 4, False, True), (Role.ADMIN, 3, False, False), (Role.ADMIN, 3, True, True), (Role.CONTRIBUTOR, 4, True, False),
    (Role.CONTRIBUTOR, 3, True, False), (Role.TESTER, 4, True, False), (Role.USER, 4, True, False)])
def test_an_admin_other_than_the_requester_decides(role: Role, user_id: int, own_allowed: bool, may: bool) -> None:
    person = caller(role, user_id=user_id)

    if may:
        authorize_decision([APPROVAL], person, own_allowed=own_allowed)
    else:
        with pytest.raises(Forbidden):
            authorize_decision([APPROVAL], person, own_allowed=own_allowed)


def test_any_admin_decides_where_the_requester_is_gone() -> None:
    authorize_decision([replace(APPROVAL, requester_id=None)], caller(Role.ADMIN), own_allowed=False)


def test_who_asked_for_some_of_several_is_told_for_which() -> None:
    approvals = numbered(APPROVAL, 1, 2, requester_id=3) + numbered(APPROVAL, 4, requester_id=6)

    with pytest.raises(Forbidden) as refused:
        authorize_decision(approvals, caller(Role.ADMIN, user_id=3), own_allowed=False)

    assert refused.value.details["approval_ids"] == ["1", "2"]


@pytest.mark.parametrize(("approval", "decision", "is_due"), [
    (APPROVAL, Decision.APPROVE, True), (APPROVAL, Decision.REJECT, True), (APPROVED, Decision.REVERT, True),
    (APPROVED, Decision.APPROVE, False), (REJECTED, Decision.REJECT, False), (REVERTED, Decision.REVERT, False)])
def test_a_decision_is_carried_out_once(approval: Approval, decision: Decision, is_due: bool) -> None:
    assert check_open(approval, decision) is is_due


@pytest.mark.parametrize(("approval", "decision"), [
    (APPROVED, Decision.REJECT), (REJECTED, Decision.APPROVE), (REVERTED, Decision.APPROVE), (REVERTED, Decision.REJECT),
    (APPROVAL, Decision.REVERT), (REJECTED, Decision.REVERT), (INVERSE, Decision.REVERT), (INVERSE, Decision.APPROVE)])
def test_a_decision_is_never_turned_round(approval: Approval, decision: Decision) -> None:
    with pytest.raises(Conflict) as refused:
        check_open(approval, decision)

    assert refused.value.details["status"] == approval.status.value


def test_of_several_those_that_are_open_are_decided_about_where_they_were_seen() -> None:
    approvals = numbered(APPROVAL, 1, 2) + numbered(REJECTED, 3)

    chosen, is_due = choose_seen(approvals, Decision.APPROVE, seen_of(approvals[:2]), "Eve")

    assert (chosen, is_due) == (approvals[:2], True)


@pytest.mark.parametrize(("approval", "decision"), [
    (APPROVED, Decision.APPROVE), (REJECTED, Decision.REJECT), (REVERTED, Decision.REVERT)])
def test_who_repeats_a_decision_about_several_finds_those_of_that_time(approval: Approval, decision: Decision) -> None:
    later = NOW + timedelta(minutes=1)
    others = numbered(replace(approval, decided_at=later, reversal=approval.reversal and Reversal(9, "Bob", later)), 3)
    approvals = numbered(approval, 1, 2) + others + numbered(APPROVAL, 4)

    chosen, is_due = choose_seen(approvals, decision, seen_of(approvals[:2]), "Bob")

    assert (chosen, is_due) == (approvals[:2], False)


def test_who_decides_after_another_learns_who_it_was() -> None:
    approvals = numbered(APPROVED, 1) + numbered(REVERTED, 2) + numbered(APPROVAL, 3)

    with pytest.raises(Conflict) as refused:
        choose_seen(approvals, Decision.APPROVE, seen_of(approvals), "Eve")

    assert refused.value.details == {
        "expected_count": 3, "count": 1, "digest": seen_of(approvals[2:]).digest, "approval_ids": ["3"], "changed": [
            {"approval_id": "1", "status": "approved", "decided_by": "Bob", "reversal_id": None},
            {"approval_id": "2", "status": "approved", "decided_by": "Bob", "reversal_id": "8"}]}


def test_an_approval_that_was_taken_back_meanwhile_is_no_repeat() -> None:
    with pytest.raises(Conflict):
        choose_seen([REVERTED], Decision.APPROVE, seen_of([REVERTED]), "Bob")


def test_where_nothing_was_requested_nothing_is_decided() -> None:
    with pytest.raises(Conflict):
        choose_seen([], Decision.APPROVE, view_of([]), "Bob")


states = st.sampled_from([APPROVAL, APPROVED, REJECTED, REVERTED])


@given(st.lists(states, max_size=4), st.sampled_from(Decision), st.sets(st.integers(0, 3)), st.sampled_from(["Bob", "Eve"]))
def test_whatever_is_chosen_is_what_was_seen(found: list[Approval], decision: Decision, looked: set[int], by: str) -> None:
    approvals = [numbered(each, place)[0] for place, each in enumerate(found)]
    seen = seen_of([each for each in approvals if each.approval_id in looked])

    try:
        chosen, is_due = choose_seen(approvals, decision, seen, by)
    except Conflict:
        return

    assert seen_of(chosen) == seen
    assert [is_open(each, decision) for each in chosen] == [is_due] * len(chosen)


def test_a_baseline_that_is_what_the_requester_saw_may_be_replaced() -> None:
    check_unchanged([APPROVAL], {5: BASELINE.upper()})


@pytest.mark.parametrize("now", ["", OTHER])
def test_a_baseline_that_changed_meanwhile_may_not(now: str) -> None:
    approvals = numbered(APPROVAL, 4, 5, 6)

    with pytest.raises(Conflict, match="has changed") as refused:
        check_unchanged(approvals, {4: BASELINE, 5: now, 6: now})

    assert refused.value.details == {"output_id": 5, "output_ids": [5, 6], "expected_hash": BASELINE}


def test_of_an_output_that_was_deleted_nothing_else_is_said() -> None:
    with pytest.raises(Conflict, match="deleted") as refused:
        check_unchanged(numbered(APPROVAL, 5, 6), {6: OTHER})

    assert refused.value.details == {"output_id": 5, "output_ids": [5]}
    assert "new one" not in str(refused.value.remedy)


def test_what_is_in_force_may_be_taken_back() -> None:
    check_in_force([], [])


@pytest.mark.parametrize(("changed", "deleted", "words", "named"), [([5, 6], [], "changed", [5, 6]), ([5], [7], "deleted", [7])])
def test_what_is_not_in_force_any_more_is_refused_by_its_outputs(
    changed: list[int], deleted: list[int], words: str, named: list[int],
) -> None:
    with pytest.raises(Conflict, match=words) as refused:
        check_in_force(changed, deleted)

    assert refused.value.details["output_ids"] == named
