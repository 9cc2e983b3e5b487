"""Whose a failure is."""
from __future__ import annotations

import pytest

from api.domain.captions.fact import Fact
from api.domain.causes.attribution import Attributed, Confidence, Reason, attribute
from api.domain.causes.came import Facts, Pair
from api.domain.causes.noise import QUIET, Noise
from api.domain.causes.stability import Stability, StabilityState
from api.domain.causes.step import Walk
from api.domain.results.failure_code import FailureCode
from api.domain.results.origin import Origin
from tests.domain.causes.outcomes import GOOD, SEGFAULT, came, known, walked


def attributed(found: Walk, facts: dict[Pair, Facts] | None = None, noise: Noise = QUIET) -> Attributed:
    return attribute(found, facts or {}, Stability(StabilityState.PROVEN if noise.keys else StabilityState.NONE), noise)


def test_without_a_base_nothing_is_known() -> None:
    found = attributed(walked("bad"))

    assert (found.origin, found.reason) == (Origin.UNKNOWN, Reason.NO_BASE)


def test_an_output_that_is_the_bases_is_proven_not_to_be_the_runs_own() -> None:
    found = attributed(walked("bad", "bad"))

    assert (found.origin, found.reason, found.confidence) == (Origin.NOT_MINE, Reason.SAME_AS_BASE, Confidence.PROVEN)


@pytest.mark.parametrize("found", [walked("bad", "bad", untested=("c1",)), walked("bad", "bad", is_assumed=True)])
def test_nothing_is_proven_by_a_base_that_is_only_assumed_or_behind_untested_commits(found: Walk) -> None:
    assert attributed(found).confidence is Confidence.LIKELY


def test_an_output_that_passed_in_the_base_is_expected_otherwise_now() -> None:
    found = attributed(walked("bad", "bad", passed=[98]))

    assert (found.origin, found.reason, found.confidence) == (Origin.REBASELINED, Reason.OTHER_BASELINE, Confidence.PROVEN)


def test_what_changed_since_the_base_is_the_runs_own() -> None:
    found = attributed(walked("bad", GOOD), known(good_bad="cues.order"))

    assert (found.origin, found.reason, found.confidence) == (Origin.MINE, Reason.CHANGED_SINCE_BASE, Confidence.LIKELY)
    assert [fact.kind for fact in found.facts] == ["cues.order"]


def test_the_base_is_looked_for_behind_the_runs_own_commits() -> None:
    found = attributed(walked("bad", "bad", GOOD, own=1), known(good_bad="cues.order"))

    assert found.origin is Origin.MINE


@pytest.mark.parametrize(("found", "state"), [
    (walked("bad", GOOD, is_assumed=True), StabilityState.NONE), (walked("bad", GOOD), StabilityState.SUSPECTED)])
def test_an_assumed_base_or_a_suspected_test_leaves_it_uncertain(found: Walk, state: StabilityState) -> None:
    said = attribute(found, known(good_bad="cues.order"), Stability(state), QUIET)

    assert (said.origin, said.confidence) == (Origin.MINE, Confidence.UNCERTAIN)


@pytest.mark.parametrize(("facts", "origin"), [
    ("cues.order/0.1", Origin.UNKNOWN), ("cues.order/0.9", Origin.MINE), ("cues.order/0.1, bytes.bom +", Origin.MINE)])
def test_a_few_cues_of_a_test_that_is_hardly_ever_the_same_are_nobodys(facts: str, origin: Origin) -> None:
    said = attribute(walked("bad", GOOD), known(good_bad=facts), Stability(is_doubtful=True), QUIET)

    assert said.origin is origin


def test_what_came_out_before_the_base_already_is_not_new_where_less_is_different() -> None:
    told = known(good_bad="text.wrap", good_base="text.repeats-before", base_bad="text.cut")

    assert attributed(walked("bad", "base", "bad", GOOD), told).origin is Origin.IMPROVED
    assert attributed(walked("bad", "base", "other", GOOD), told | known(good_other="text.wrap")).origin is Origin.MINE
    other = known(good_bad="text.other", good_base="text.cut", base_bad="text.other")
    assert attributed(walked("bad", "base", "bad", GOOD), other).origin is Origin.MINE


def test_what_an_untested_commit_took_away_and_the_own_brought_back_elsewhere_is_its_own() -> None:
    elsewhere = {"c8": came(GOOD), "c99": came("bad")}

    said = attributed(walked("bad", "bad", untested=("c8",), elsewhere=elsewhere), known(good_bad="cues.order"))

    assert (said.origin, said.reason) == (Origin.MINE, Reason.CHANGED_ON_OTHER_PLATFORM)


NOISE = Noise(frozenset({("cues.order", "")}), 0.1)


def test_a_change_that_outputs_of_one_commit_show_is_the_tests_nondeterminism() -> None:
    said = attributed(walked("bad", "other"), known(other_bad="cues.order/0.2, text.edited/0.1", good_bad="cues.order/0.2"), NOISE)

    assert (said.origin, said.reason) == (Origin.FLAKY, Reason.NONDETERMINISTIC)


def test_a_nondeterministic_test_that_fails_for_an_old_cause_besides_is_not_the_runs_own() -> None:
    said = attributed(walked("bad", "other"), known(other_bad="cues.order/0.2", good_bad="bytes.bom +"), NOISE)

    assert (said.origin, said.reason) == (Origin.NOT_MINE, Reason.NONDETERMINISTIC)


def test_a_nondeterministic_test_shows_the_runs_own_change_too() -> None:
    told = known(other_bad="cues.order/0.2, bytes.bom +", good_bad="bytes.bom +", good_other="cues.order/0.2")

    said = attributed(walked("bad", "other"), told, NOISE)

    assert (said.origin, [fact.kind for fact in said.facts]) == (Origin.MINE, ["bytes.bom"])


@pytest.mark.parametrize(("before", "now", "changed", "origin"), [
    ("bytes.bom +, cues.order", "cues.order", "bytes.bom -", Origin.IMPROVED),
    ("cues.order", "bytes.bom +", "cues.order, bytes.bom +", Origin.MINE),
    ("time.end.const +40, time.start.const +9", "time.end.const +31", "time.both.const -9", Origin.IMPROVED),
    ("text.edited/0.3, number.first 1>0", "text.edited/0.2, number.first 1>0", "text.edited/0.1", Origin.IMPROVED),
    ("text.edited/0.2", "text.edited/0.3", "text.edited/0.1", Origin.MINE),
    ("text.edited/0.2, text.case/0.9", "text.edited/0.3, text.case/0.1", "text.edited/0.1", Origin.MINE),
    ("text.edited/0.2", "text.edited/0.2", "", Origin.MINE),
    # Other times came while all texts were mended, beside which a change of times is not told.
    ("text.other", "time.start.some/0.1", "text.other, time.start.some/0.1", Origin.MINE)])
def test_a_test_of_which_less_is_different_than_was_before_is_improved(before: str, now: str, changed: str, origin: Origin) -> None:
    said = attributed(walked("bad", "base"), known(good_base=before, good_bad=now, base_bad=changed))

    assert said.origin is origin


def test_a_crash_that_went_improved_a_test_that_failed_so_before_it() -> None:
    said = attributed(walked("bad", came(None, SEGFAULT), "bad", GOOD), known(good_bad="cues.order"))

    assert (said.origin, said.reason) == (Origin.IMPROVED, Reason.FEWER_DIFFERENCES)


def test_a_new_difference_behind_a_crash_may_be_each_commits_that_crashed() -> None:
    said = attributed(
        walked("worse", came(None, SEGFAULT), came("", SEGFAULT), "bad", GOOD),
        known(good_bad="cues.order", good_worse="cues.order, bytes.bom +", good_="cues.none"))

    assert (said.origin, said.reason, said.suspects) == (Origin.UNKNOWN, Reason.HIDDEN_IN_BASE, ("c98", "c97"))


def test_a_crash_that_is_the_bases_may_write_more_or_less() -> None:
    pair = Pair(GOOD, "bad", ".srt", FailureCode.SEGFAULT)

    said = attributed(walked(came("bad", SEGFAULT), came("base", SEGFAULT)), {
        pair: (Fact("exit", "SEGFAULT"), Fact("file.cut")), Pair("base", "bad", ".srt"): (Fact("cues.lost", "tail"),)})

    assert (said.origin, said.reason) == (Origin.NOT_MINE, Reason.SAME_CRASH)


def test_a_crash_that_is_the_bases_with_the_same_differences_is_the_same_crash_whatever_was_written_before_it() -> None:
    pairs = {Pair(GOOD, each, ".srt", FailureCode.SEGFAULT): (Fact("exit", "SEGFAULT"), Fact("file.cut")) for each in ("bad", "base")}

    said = attributed(walked(came("bad", SEGFAULT), came("base", SEGFAULT)), {
        **pairs, Pair("base", "bad", ".srt"): (Fact("text.trailing-space", "-"),)})

    assert (said.origin, said.reason) == (Origin.NOT_MINE, Reason.SAME_CRASH)


def test_a_change_among_untested_commits_is_anybodys() -> None:
    said = attributed(walked("bad", GOOD, untested=("c8", "c7")), known(good_bad="cues.order"))

    assert (said.origin, said.reason, said.suspects) == (Origin.UNKNOWN, Reason.UNTESTED_COMMITS, ("c8", "c7"))


@pytest.mark.parametrize(("elsewhere", "told", "origin", "confidence"), [
    # An ancestor shows it there.
    ({"c7": "there"}, {"good_there": "cues.order"}, Origin.NOT_MINE, Confidence.LIKELY),
    # There it changed between the parent and the run's own commit.
    ({"c8": GOOD, "c99": "there"}, {"good_there": "cues.order"}, Origin.MINE, Confidence.LIKELY),
    # No ancestor shows it there, and the own commit was not tested.
    ({"c8": GOOD, "c7": GOOD}, {}, Origin.MINE, Confidence.UNCERTAIN),
    # It is seen on this platform alone.
    ({"c8": GOOD, "c7": GOOD, "c99": GOOD}, {}, Origin.UNKNOWN, Confidence.UNCERTAIN),
    ({"c7": GOOD}, {}, Origin.UNKNOWN, Confidence.UNCERTAIN),
    # The parent does not show it there, and whatever an older suspect brought the parent would have.
    ({"c8": GOOD}, {}, Origin.MINE, Confidence.UNCERTAIN)])
def test_another_platform_tells_whose_a_change_among_untested_commits_is(
    elsewhere: dict[str, str], told: dict[str, str], origin: Origin, confidence: Confidence,
) -> None:
    results = {commit: came(digest) for commit, digest in elsewhere.items()}

    said = attributed(walked("bad", GOOD, untested=("c8", "c7"), elsewhere=results), known(good_bad="cues.order", **told))

    assert (said.origin, said.confidence) == (origin, confidence)


@pytest.mark.parametrize(("beside", "origin"), [
    ([GOOD], Origin.MINE), ([GOOD, "shown"], Origin.UNKNOWN), (["none"], Origin.UNKNOWN), ([], Origin.UNKNOWN)])
def test_what_no_pull_request_from_the_runs_parent_shows_is_the_runs_own(beside: list[str], origin: Origin) -> None:
    results = {"c8": [came(digest) for digest in beside], "c7": [came(GOOD)]}

    said = attributed(walked("bad", "base", untested=("c8", "c7"), beside=results), known(
        good_bad="cues.order, bytes.bom +", good_base="bytes.bom +", base_bad="cues.order", good_shown="cues.order", good_none="cues.none"))

    assert said.origin is origin


@pytest.mark.parametrize(("earlier", "origin", "reason"), [
    ("clean", Origin.MINE, Reason.NOT_IN_EARLIER_COMMIT), ("shown", Origin.UNKNOWN, Reason.UNTESTED_COMMITS),
    ("none", Origin.UNKNOWN, Reason.UNTESTED_COMMITS)])
def test_what_an_earlier_commit_of_the_same_change_did_not_show_is_its_own(earlier: str, origin: Origin, reason: Reason) -> None:
    told = known(
        base_bad="cues.order, bytes.bom +", good_clean="bytes.bom +", good_shown="cues.order", good_none="cues.none",
        clean_bad="cues.order", shown_bad="bytes.bom +/0", none_bad="cues.order")

    said = attributed(walked("bad", earlier, "base", own=1, untested=("c8",)), told | known(base_bad="cues.order"))

    assert (said.origin, said.reason) == (origin, reason)


def test_a_change_of_which_a_part_is_the_runs_own_is_its_own() -> None:
    found = walked("bad", GOOD, untested=("c8",), elsewhere={"c8": came("there"), "c99": came("there")}, beside={"c8": [came("there")]})

    said = attributed(found, known(good_bad="cues.order, bytes.eol lf>crlf", good_there="cues.order"))

    assert (said.origin, said.reason, [*said.inherited]) == (Origin.MINE, Reason.NOT_BESIDE, [("cues.order", "")])


def test_no_failure_of_a_base_that_passed_is_proven_to_be_old() -> None:
    said = attributed(walked("bad", GOOD), {})

    assert said.confidence is not Confidence.PROVEN


def test_a_crash_that_went_improved_a_test_whose_differences_before_it_were_the_same_in_other_bytes() -> None:
    told = known(good_bad="cues.order", good_old="cues.order", old_bad="text.case/0.1")

    said = attributed(walked("bad", came(None, SEGFAULT), "old", GOOD), told)

    assert (said.origin, said.reason) == (Origin.IMPROVED, Reason.FEWER_DIFFERENCES)
