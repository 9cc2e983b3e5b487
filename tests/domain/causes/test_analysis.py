"""The causes of a run's failures, from ways back and facts to clusters."""
from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from api.domain.causes.analysis import Analysis, Cause, analyse, pairs_to_compare
from api.domain.causes.attribution import Confidence, Reason
from api.domain.causes.came import Facts, Pair
from api.domain.causes.first_bad import FirstBadState
from api.domain.causes.stability import Sighting, Stability, StabilityState, stability_of
from api.domain.causes.step import Walk
from api.domain.causes.words import cluster_words
from api.domain.results.origin import Origin
from api.domain.runs.run import Platform
from tests.domain.causes.outcomes import GOOD, SEGFAULT, came, known, walked


def analysed(*walks: Walk, stabilities: dict[int, Stability] | None = None, **told: str) -> Analysis:
    return analyse(walks, known(**told), stabilities or {})


def only(found: Analysis) -> Cause:
    cause, = found.causes
    return cause


def each(*digests: str, tests: Iterable[int] = range(4)) -> list[Walk]:
    return [walked(*digests, regression_id=number, sample_id=number) for number in tests]


def varying(*digests: str) -> Stability:
    return stability_of([
        Sighting(number, "c", Platform.LINUX, "set", came(digest)) for number, digest in enumerate(digests)])


def test_a_cause_is_told_with_whose_it_is_how_sure_that_is_and_since_when() -> None:
    found = only(analysed(*each("bad", "bad", "bad", GOOD), good_bad="time.end.const -40"))

    assert (found.origin, found.confidence) == (Origin.NOT_MINE, Confidence.PROVEN)
    assert found.first_bad is not None
    assert (found.first_bad.commit, found.first_bad.good_commit, found.first_bad.state) == ("c97", "c96", FirstBadState.CONFIRMED)
    assert cluster_words(found.cluster) == "every cue ends 40 ms earlier: 4 tests"


def test_causes_of_the_runs_own_change_come_first_and_old_ones_beside_them_are_not_its_own() -> None:
    both = [walked("both", "old", "old", GOOD, regression_id=number, sample_id=number) for number in range(4)]
    old = each("old", "old", "old", GOOD, tests=range(4, 7))

    found = analysed(*both, *old, good_old="markup -colour", good_both="markup -colour, bytes.bom +", old_both="bytes.bom +")

    assert [(cause.origin, cause.cluster.regression_ids) for cause in found.causes] == [
        (Origin.MINE, (0, 1, 2, 3)), (Origin.NOT_MINE, (0, 1, 2, 3, 4, 5, 6))]
    assert [cause.first_bad and cause.first_bad.commit for cause in found.causes] == ["c99", "c97"]
    assert [test.attributed.origin for test in found.tests] == [Origin.MINE] * 4 + [Origin.NOT_MINE] * 3


def test_a_candidate_was_seen_in_fewer_than_three_runs() -> None:
    found = only(analysed(*each("bad", GOOD), good_bad="bytes.bom +"))

    assert found.first_bad is not None
    assert (found.origin, found.confidence, found.first_bad.state) == (Origin.MINE, Confidence.LIKELY, FirstBadState.CANDIDATE)


def test_a_failure_without_a_good_run_is_as_old_as_what_was_looked_at() -> None:
    found = analysed(*each("bad", "bad"), good_bad="bytes.bom +")

    cause = only(found)
    assert cause.first_bad is not None
    assert (cause.first_bad.commit, cause.first_bad.good_commit, cause.first_bad.state) == ("c98", None, FirstBadState.AT_LEAST)
    assert found.tests[0].first_bad == (cause.first_bad,)


def test_a_clusters_range_is_what_is_common_to_the_ranges_of_its_tests() -> None:
    walks = [
        walked("bad", "bad", None, GOOD, regression_id=1, sample_id=1), walked("bad", None, "bad", GOOD, regression_id=2, sample_id=2),
        walked("bad", None, "bad", None, GOOD, regression_id=3, sample_id=3)]

    found = only(analysed(*walks, good_bad="bytes.bom +")).first_bad

    assert found is not None
    assert (found.commit, found.good_commit, found.untested, found.is_earliest) == ("c97", "c96", (), False)


def test_a_cluster_whose_tests_do_not_agree_since_when_has_the_earliest_commit() -> None:
    walks = [
        *(walked("some", "some", GOOD, regression_id=number, sample_id=1) for number in range(3)),
        walked("some", GOOD, regression_id=3, sample_id=2)]

    causes = analysed(*walks, good_some="cues.lost tail").causes

    assert [(cause.cluster.regression_ids, cause.first_bad and cause.first_bad.commit) for cause in causes] == [
        ((3,), "c99"), ((0, 1, 2), "c98")]


def test_a_cluster_of_tests_that_are_only_nondeterministic_is_flaky_and_has_no_first_bad_commit() -> None:
    stability = varying("one", "two")

    found = analysed(
        *each("one", "two", "two"), stabilities=dict.fromkeys(range(4), stability), good_one="cues.order", good_two="cues.order",
        one_two="cues.order", two_one="cues.order")

    cause = only(found)
    assert (cause.origin, cause.cluster.is_flaky, cause.first_bad) == (Origin.FLAKY, True, None)
    assert {test.stability for test in found.tests} == {StabilityState.PROVEN}


def test_a_cause_of_a_test_that_is_improved_is_an_old_one() -> None:
    found = analysed(
        *each("less", "more", GOOD), good_less="bytes.bom +", good_more="bytes.bom +, cues.order", more_less="cues.order")

    assert only(found).origin is Origin.NOT_MINE
    assert {test.attributed.origin for test in found.tests} == {Origin.IMPROVED}


def test_a_cause_is_its_most_certain_tests_where_most_have_no_result_at_the_parent() -> None:
    sure = each("bad", GOOD, GOOD, tests=range(3))
    others = [
        walked("bad", None, GOOD, regression_id=number, sample_id=number, untested=("c8",)) for number in range(3, 8)]

    found = analysed(*sure, *others, good_bad="bytes.bom +")

    assert only(found).origin is Origin.MINE
    assert {test.attributed.reason for test in found.tests} == {Reason.CHANGED_SINCE_BASE, Reason.AS_OTHERS_OF_ITS_CAUSE}
    assert {test.attributed.origin for test in found.tests} == {Origin.MINE}


def test_a_cause_of_untested_commits_is_unknown_in_a_test_whose_other_cause_is_the_runs_own() -> None:
    walks = [
        walked("both", "clean", GOOD, regression_id=number, sample_id=number, own=1, untested=("c8",)) for number in range(3)]

    found = analysed(
        *walks, *(walked("bom", "bom", GOOD, regression_id=number, sample_id=number, own=1, untested=("c8",)) for number in range(4, 8)),
        good_both="bytes.bom +, cues.order", good_clean="bytes.bom +", clean_both="cues.order", good_bom="bytes.bom +")

    assert [(cause.origin, cause.cluster.keys) for cause in found.causes] == [
        (Origin.MINE, {("cues.order", "")}), (Origin.UNKNOWN, {("bytes.bom", "+")})]


def test_a_cause_behind_a_crash_is_as_unknown_as_its_tests() -> None:
    walks = [walked("bad", came(None, SEGFAULT), GOOD, regression_id=number, sample_id=number) for number in range(3)]

    found = only(analysed(*walks, good_bad="bytes.bom +"))

    assert (found.origin, found.confidence) == (Origin.UNKNOWN, Confidence.UNCERTAIN)


def test_a_cause_without_any_base_is_unknown() -> None:
    found = only(analysed(*each("bad"), good_bad="bytes.bom +"))

    assert (found.origin, found.first_bad and found.first_bad.commit) == (Origin.UNKNOWN, "c99")


def test_a_cause_that_an_ancestor_has_on_another_platform_is_not_the_runs_own() -> None:
    walks = [
        walked("both", GOOD, regression_id=number, sample_id=number, untested=("c8",), elsewhere={"c8": came("old"), "c99": came("old")})
        for number in range(3)]
    old = [
        walked("old", GOOD, regression_id=number, sample_id=number, untested=("c8",), elsewhere={"c8": came("old")})
        for number in range(3, 6)]

    found = analysed(*walks, *old, good_both="markup -colour, bytes.eol lf>crlf", good_old="markup -colour")

    assert [(cause.origin, sorted(kind for kind, _ in cause.cluster.keys)) for cause in found.causes] == [
        (Origin.UNKNOWN, ["bytes.eol"]), (Origin.NOT_MINE, ["markup"])]


def test_an_improved_test_that_shows_something_new_is_of_unknown_origin_there() -> None:
    found = analysed(
        *each("less", "more", GOOD), good_less="bytes.bom +", good_more="bytes.bom +, cues.order", more_less="bytes.bom +")

    assert [cause.origin for cause in found.causes] == [Origin.UNKNOWN, Origin.NOT_MINE]


def test_the_pairs_of_steps_and_of_proofs_are_asked_for_up_to_a_limit() -> None:
    walks = each("bad", GOOD, tests=[1])

    found = pairs_to_compare(walks, {1: varying("one", "two")})

    assert set(found) == {Pair(GOOD, "bad", ".srt"), Pair("one", "two", ".srt")}
    assert len(pairs_to_compare(walks, {1: varying("one", "two")}, 1)) == 1


def test_a_run_in_which_nothing_fails_has_no_causes() -> None:
    assert analyse([], {}, {}) == Analysis()


DIGESTS = st.lists(st.sampled_from(["good", "a", "b", "c", "crash", "none"]), min_size=1, max_size=7)
FACTS = st.lists(st.sampled_from([
    "bytes.bom +", "cues.order/0.1", "markup -bold", "time.end.const -40", "text.other", "file.cut", "cues.none"]), max_size=3)


@given(
    st.lists(DIGESTS, max_size=6), st.dictionaries(st.tuples(st.sampled_from(["good", "a", "b", "c"]), st.sampled_from("abc")), FACTS),
    st.sampled_from([(), ("c8",), ("c8", "c7")]), st.booleans())
def test_whatever_happened_nothing_that_changed_is_proven_to_be_old(
    histories: list[list[str]], told: dict[tuple[str, str], list[str]], untested: tuple[str, ...], is_flaky: bool,
) -> None:
    pairs: dict[Pair, Facts] = known(**{f"{one}_{other}": ",".join(words) for (one, other), words in told.items()})
    walks = [
        walked(*(came("a", SEGFAULT) if digest == "crash" else came(None) if digest == "none" else digest for digest in digests),
               regression_id=number, sample_id=number // 2, untested=untested, elsewhere={"c8": came("a"), "c99": came("b")})
        for number, digests in enumerate(histories) if digests[0] != "good"]

    found = analyse(walks, pairs, dict.fromkeys(range(6), varying("a", "b")) if is_flaky else {})

    assert {test.regression_id for test in found.tests} == {each.subject.regression_id for each in walks}
    proven = {test.regression_id for test in found.tests if test.attributed.confidence is Confidence.PROVEN}
    assert proven <= {each.subject.regression_id for each in walks if each.base_came == each.subject.came and not untested}
    assert {each for cause in found.causes for each in cause.cluster.regression_ids} <= {test.regression_id for test in found.tests}
