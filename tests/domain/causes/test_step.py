"""The way back from a test's result, and the steps on it."""
from __future__ import annotations

from api.domain.causes.came import Pair
from api.domain.causes.step import BESIDE_LIMIT, STRETCH_LIMIT, needed_pairs, steps_of, walk
from tests.domain.causes.outcomes import GOOD, SEGFAULT, came, known, line, run, subject, walked


def test_each_change_of_the_output_is_a_step_up_to_the_last_result_that_would_pass_now() -> None:
    found = walked("worse", "worse", "bad", GOOD, "never looked at")

    steps = steps_of(found, known(bad_worse="cues.none", good_bad="cues.order"))

    assert [(step.commit, step.from_commit, [fact.kind for fact in step.facts], step.runs) for step in steps] == [
        ("c98", "c97", ["cues.none"], 2), ("c97", "c96", ["cues.order"], 3)]
    assert found.ends_well


def test_the_way_back_has_no_good_end_where_no_run_is_known_to_have_passed() -> None:
    assert not walked("bad", "bad").ends_well
    assert walked("bad").stretches[0].oldest.run_id == 99


def test_runs_without_a_result_are_passed_over_and_their_commits_named() -> None:
    found = walked("bad", None, None, GOOD)

    step, = steps_of(found, known(good_bad="cues.order"))

    assert (step.commit, step.from_commit, step.untested) == ("c99", "c96", ("c98", "c97"))


def test_commits_without_runs_are_named_between_two_runs() -> None:
    past = (run(98), run(95))
    found = walk(run(99), subject(came("worse")), line(*past[:1], run(95), untested=()), {98: came("bad"), 95: came()})

    assert [step.untested for step in steps_of(found, {})] == [(), ()]


def test_of_runs_of_one_commit_the_nearest_counts() -> None:
    past = (run(98, "c99", is_own=True), run(97))

    found = walk(run(99, "c99"), subject(came("bad")), line(*past), {98: came("other"), 97: came()})

    assert [(step.commit, step.from_commit) for step in steps_of(found, {})] == [("c99", "c97")]


def test_a_test_that_is_never_the_same_twice_is_not_followed_without_end() -> None:
    found = walked(*[f"bad{number}" for number in range(50)])

    assert len(found.stretches) == STRETCH_LIMIT
    assert not found.ends_well


def test_the_pairs_of_a_way_back_are_those_of_its_steps_and_of_what_is_expected_each_once() -> None:
    found = needed_pairs([walked("worse", "bad", GOOD)], 10)

    assert set(found) == {Pair(GOOD, "worse", ".srt"), Pair(GOOD, "bad", ".srt"), Pair("bad", "worse", ".srt")}
    assert len(needed_pairs([walked("worse", "bad", GOOD)], 2)) == 2
    assert needed_pairs([walked("bad")], 10) == (Pair(GOOD, "bad", ".srt"),)


def test_results_on_another_platform_are_asked_for_where_commits_were_not_tested() -> None:
    elsewhere = {"c97": came("elsewhere"), "c99": came("there"), "unasked": came("odd")}

    found = walked("bad", GOOD, untested=("c97",), elsewhere=elsewhere)

    assert set(found.elsewhere) == {"c97", "c99"}
    assert {Pair(GOOD, "elsewhere", ".srt"), Pair("elsewhere", "there", ".srt")} <= set(needed_pairs([found], 20))
    assert not walked("bad", GOOD, elsewhere=elsewhere).elsewhere


def test_results_of_pull_requests_are_asked_for_that_branch_off_at_the_runs_untested_parent() -> None:
    beside = {"c97": [came(f"beside{number}") for number in range(9)], "c96": [came("unasked")]}

    found = walked("bad", GOOD, untested=("c97", "c96"), beside=beside)

    assert found.beside == tuple(came(f"beside{number}") for number in range(BESIDE_LIMIT))
    assert Pair(GOOD, "beside0", ".srt") in needed_pairs([found], 20)
    assert walked("bad", GOOD, beside=beside).beside == ()


def test_commits_that_were_not_tested_elsewhere_either_ask_for_nothing() -> None:
    found = walked("bad", GOOD, untested=("c97", "c96"), elsewhere={"c96": came("elsewhere")})

    assert set(needed_pairs([found], 20)) == {Pair(GOOD, "bad", ".srt"), Pair(GOOD, "elsewhere", ".srt")}


def test_what_a_crash_hid_is_no_step_where_it_was_there_before_the_crash() -> None:
    found = walked("bad", came(None, SEGFAULT), "bad", GOOD)

    steps = steps_of(found, known(good_bad="markup -colour"))

    assert [(step.commit, [fact.kind for fact in step.facts]) for step in steps] == [
        ("c99", []), ("c98", ["exit", "file.missing"]), ("c97", ["markup"])]


def test_what_came_to_light_behind_a_crash_may_have_come_with_each_commit_that_hid_it() -> None:
    found = walked("worse", came(None, SEGFAULT), came(None, SEGFAULT), "bad", GOOD)

    step = steps_of(found, known(good_bad="markup -colour", good_worse="markup -colour, cues.lost tail"))[0]

    assert (step.commit, step.from_commit, [fact.kind for fact in step.facts]) == ("c99", "c96", ["cues.lost"])
    assert step.untested == ("c98", "c97")


def test_what_came_to_light_behind_a_crash_that_was_always_there_is_all_that_is_different() -> None:
    step, = steps_of(walked("bad", came(None, SEGFAULT)), known(good_bad="markup -colour"))

    assert ([fact.kind for fact in step.facts], step.from_commit) == (["markup"], "c98")
