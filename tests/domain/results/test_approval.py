"""Approving outputs as new baselines."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.errors import Conflict, NotFound, Unprocessable
from api.domain.results.approval import (
    FILLERS,
    NO_RUN,
    ApprovalKind,
    BaselineProposal,
    Proposal,
    check_bulk,
    check_current,
    check_reason,
    check_variants,
    proposals_of,
    propose,
    propose_file,
    propose_hash,
)
from tests.domain.results.judging import BASELINE, OTHER, VARIANT, expected_output, expected_test, judged, reported

REASON = "Timing of the roll-up captions was corrected"
WISH = BaselineProposal(1, 5, REASON)
PROPOSAL = Proposal(9, 7, WISH, BASELINE, OTHER, ".srt")


@pytest.mark.parametrize("reason", [REASON, "see #1234", "修正されました", "x264", "Fixed drop-frame output"])
def test_a_reason_that_says_something_passes(reason: str) -> None:
    check_reason(reason)


@pytest.mark.parametrize("reason", [
    "", "   ", "aaaaaaaaaa", "AaAa aA", "...!!!", "______", "🎬🎬🎬", "LGTM", "Approve this new baseline, please!", "xx yy zz"])
def test_a_reason_that_says_nothing_is_refused(reason: str) -> None:
    with pytest.raises(Unprocessable) as refused:
        check_reason(reason)

    assert refused.value.details == {"field": "reason"}


@given(st.lists(st.sampled_from(sorted(FILLERS)) | st.sampled_from(["zzz", "1", "-"])))
def test_any_number_of_fillers_says_nothing(words: list[str]) -> None:
    with pytest.raises(Unprocessable):
        check_reason(" ".join(words))


def test_an_output_that_differs_can_become_the_baseline() -> None:
    test = expected_test()

    assert propose(9, 7, judged(test, reported(test, o5=OTHER.upper())), WISH) == PROPOSAL


def test_an_output_without_a_baseline_can_get_its_first() -> None:
    test = expected_test(1, expected_output(5, baseline=""))

    assert propose(9, 7, judged(test, reported(test, o5=OTHER)), WISH).hash_before == ""


def test_outputs_without_a_baseline_have_none_in_common() -> None:
    tests = [expected_test(each, expected_output(each, baseline="")) for each in (5, 6)]
    wishes = [replace(WISH, regression_id=each, output_id=each, apply_to_variants=True) for each in (5, 6)]
    asked = [
        propose(9, 7, judged(test, reported(test, **{f"o{wish.output_id}": digest * 64})), wish)
        for test, wish, digest in zip(tests, wishes, "de", strict=True)]

    check_bulk(asked)

    assert [each.spreads for each in asked] == [False, False]


def test_where_an_output_without_a_baseline_did_not_come_nothing_can_be_approved() -> None:
    test = expected_test(1, expected_output(5, baseline=""))

    with pytest.raises(Unprocessable):
        propose(9, 7, judged(test, reported(test)), WISH)


@pytest.mark.parametrize(("got", "status"), [
    ({"o5": None}, "match"), ({"o5": BASELINE}, "match"), ({"o5": VARIANT}, "match"),
    ({"o5": "error"}, "missing_output"), ({}, "missing_output")])
def test_where_nothing_new_was_produced_nothing_can_be_approved(got: dict[str, str | None], status: str) -> None:
    test = expected_test()

    with pytest.raises(Unprocessable) as refused:
        propose(9, 7, judged(test, reported(test, **got)), WISH)

    assert refused.value.details == {"output_id": 5, "output_status": status}


def test_nothing_can_be_approved_before_its_test_has_ended() -> None:
    test = expected_test()

    with pytest.raises(Unprocessable) as refused:
        propose(9, 7, judged(test, reported(test, exit_code=None, o5=OTHER)), WISH)

    assert refused.value.details["output_status"] is None


def test_an_output_of_another_test_is_not_found() -> None:
    test = expected_test()

    with pytest.raises(NotFound):
        propose(9, 7, judged(test, reported(test, o5=OTHER)), replace(WISH, output_id=6))


def test_of_failing_tests_every_output_that_came_otherwise_can_be_proposed() -> None:
    several = expected_test(1, *(expected_output(each) for each in (5, 6, 7, 8)), expected_output(9, baseline=""))
    silent = expected_test(2, expected_output(10))
    tests = [
        judged(several, reported(several, o5=OTHER.upper(), o6=None, o7=VARIANT, o9=OTHER)),
        judged(silent, reported(silent, exit_code=None, o10=OTHER))]

    assert proposals_of(9, tests, REASON) == [PROPOSAL]


def test_the_same_request_has_the_same_key_whatever_its_reason() -> None:
    assert replace(PROPOSAL, wish=replace(WISH, reason="In other words")).key == PROPOSAL.key


@pytest.mark.parametrize("other", [
    replace(PROPOSAL, run_id=8), replace(PROPOSAL, hash_before=VARIANT), replace(PROPOSAL, hash_after=VARIANT),
    replace(PROPOSAL, wish=replace(WISH, regression_id=2)), replace(PROPOSAL, wish=replace(WISH, output_id=6)),
    replace(PROPOSAL, wish=replace(WISH, apply_to_variants=True)), replace(PROPOSAL, wish=replace(WISH, kind=ApprovalKind.VARIANT))])
def test_another_request_has_another_key(other: Proposal) -> None:
    assert other.key != PROPOSAL.key


# Baselines of today by output: of two samples, some of them alike.
PLACES = {1: (7, BASELINE), 2: (7, BASELINE), 3: (7, "9" * 64), 4: (8, BASELINE)}
proposals = st.lists(st.builds(
    lambda output_id, after, variants: Proposal(
        9, PLACES[output_id][0], replace(WISH, output_id=output_id, apply_to_variants=variants), PLACES[output_id][1], after, ".srt"),
    st.sampled_from(sorted(PLACES)), st.sampled_from([OTHER, VARIANT]), st.booleans()), max_size=4)


def all_come_true(wanted: Sequence[Proposal]) -> bool:
    """Whether each finds the baseline that it was made for, when they are carried out in this order."""
    baselines = dict(PLACES)
    for each in wanted:
        place = (each.sample_id, each.hash_before)
        if baselines[each.wish.output_id] != place:
            return False
        for output_id, other in baselines.items():
            if output_id == each.wish.output_id or each.wish.apply_to_variants and other == place:
                baselines[output_id] = (each.sample_id, each.hash_after)
    return True


@given(proposals)
def test_requests_together_pass_where_they_come_true_in_any_order(wanted: list[Proposal]) -> None:
    different = list({each.key: each for each in wanted}.values())

    if all(all_come_true(order) for order in permutations(different)):
        check_bulk(wanted)
    else:
        with pytest.raises(Conflict) as refused:
            check_bulk(wanted)
        assert set(refused.value.details["output_ids"]) <= {each.wish.output_id for each in wanted}


def for_output(output_id: int) -> Proposal:
    return replace(PROPOSAL, wish=replace(WISH, output_id=output_id))


def test_what_still_has_the_baseline_that_its_run_had_may_be_requested() -> None:
    check_current([for_output(5), for_output(6)], {5: BASELINE, 6: BASELINE.upper(), 7: OTHER})


@pytest.mark.parametrize(("baselines", "words", "named"), [
    ({5: BASELINE, 6: OTHER, 8: ""}, "changed", [6, 8]), ({5: BASELINE, 8: OTHER}, "deleted", [6])])
def test_what_could_never_be_approved_is_refused_by_its_outputs(baselines: dict[int, str], words: str, named: list[int]) -> None:
    with pytest.raises(Conflict, match=words) as refused:
        check_current([for_output(8), for_output(6), for_output(5)], baselines)

    assert refused.value.details == {"output_ids": named}


def test_a_file_that_somebody_sent_is_proposed_for_no_run() -> None:
    test = expected_test(1, expected_output(5))
    wish = BaselineProposal(test.regression_id, test.outputs[0].output_id, "Typed off the screen by hand.")

    proposal = propose_file(test, wish, OTHER)

    assert (proposal.run_id, proposal.hash_before, proposal.hash_after) == (NO_RUN, BASELINE, OTHER)


def test_a_file_that_is_accepted_or_of_another_test_is_not_proposed() -> None:
    test = expected_test(1, expected_output(5))
    output_id, reason = test.outputs[0].output_id, "Typed off the screen by hand."

    with pytest.raises(Unprocessable):
        propose_file(test, BaselineProposal(test.regression_id, output_id, reason), BASELINE)
    with pytest.raises(NotFound):
        propose_file(test, BaselineProposal(test.regression_id, output_id + 1, reason), OTHER)


ADDED, DROPPED = (replace(WISH, kind=kind) for kind in (ApprovalKind.VARIANT, ApprovalKind.VARIANT_REMOVAL))


def test_a_variant_is_proposed_by_its_hash_alone() -> None:
    assert propose_hash(expected_test(), ADDED, OTHER) == Proposal(NO_RUN, 7, ADDED, BASELINE, OTHER, ".srt")


@pytest.mark.parametrize(("wish", "digest"), [
    (ADDED, BASELINE), (ADDED, OTHER + "0"), (replace(ADDED, apply_to_variants=True), OTHER)])
def test_what_can_be_no_variant_is_refused(wish: BaselineProposal, digest: str) -> None:
    with pytest.raises(Unprocessable):
        propose_hash(expected_test(), wish, digest)


def test_an_output_of_another_test_has_no_variants_here() -> None:
    with pytest.raises(NotFound):
        propose_hash(expected_test(), replace(ADDED, output_id=6), OTHER)


def test_a_variant_is_in_force_while_it_is_accepted_and_its_removal_while_it_is_not() -> None:
    added, dropped, baseline = (Proposal(NO_RUN, 7, wish, BASELINE, OTHER, ".srt") for wish in (ADDED, DROPPED, WISH))

    assert [each.in_force(BASELINE, [OTHER.upper()]) for each in (added, dropped, baseline)] == [True, False, False]
    assert [each.in_force(OTHER.upper(), []) for each in (added, dropped, baseline)] == [False, True, True]


def test_a_variant_that_changes_nothing_today_is_refused_and_one_that_does_passes() -> None:
    added, dropped = (Proposal(NO_RUN, 7, wish, BASELINE, OTHER, ".srt") for wish in (ADDED, DROPPED))
    baselines = {WISH.output_id: BASELINE}

    check_variants([added, PROPOSAL], baselines, {})
    check_variants([dropped], baselines, {WISH.output_id: [OTHER]})
    with pytest.raises(Conflict) as refused:
        check_variants([dropped], baselines, {})
    assert refused.value.details == {"output_ids": [WISH.output_id]}
