"""Whether a test is nondeterministic."""
from __future__ import annotations

import pytest

from api.domain.causes.came import Came
from api.domain.causes.noise import QUIET, noise_of
from api.domain.causes.stability import EVIDENCE_LIMIT, STABLE, Sighting, Stability, StabilityState, stability_of
from api.domain.runs.run import Platform
from tests.domain.causes.outcomes import SEGFAULT, came, fact, known, subject


def seen(
    run_id: int, result: Came, commit: str = "c", platform: Platform = Platform.LINUX, expected: str = "set", *, is_main: bool = True,
) -> Sighting:
    return Sighting(run_id, commit, platform, expected, result, is_main=is_main)


def test_two_outputs_of_one_commit_that_differ_prove_that_a_test_is_nondeterministic() -> None:
    found = stability_of([seen(2, came("two")), seen(1, came("one"))])

    proof, = found.evidence
    assert found.state is StabilityState.PROVEN
    assert (proof.run_id, proof.other_run_id, proof.came, proof.other) == (1, 2, came("one"), came("two"))


@pytest.mark.parametrize("other", [
    seen(2, came("two"), commit="d"), seen(2, came("two"), expected="another set"),
    seen(2, came("one")), seen(2, came("one", 124)), seen(2, Came(None, {}))])
def test_nothing_is_proven_by_other_commits_platforms_sets_equal_outputs_or_what_infrastructure_ended(other: Sighting) -> None:
    assert stability_of([seen(1, came("one")), other]) == STABLE


def test_nothing_is_proven_by_another_platform() -> None:
    assert stability_of([seen(1, came("one")), seen(2, came("two"), platform=Platform.WINDOWS)]).state is StabilityState.NONE


def test_another_ending_of_one_commit_is_a_proof_too() -> None:
    assert stability_of([seen(1, came("one")), seen(2, came("one", SEGFAULT))]).state is StabilityState.PROVEN


def test_the_newest_proofs_are_kept() -> None:
    found = stability_of([seen(number, came(str(number))) for number in range(20)])

    assert [proof.other_run_id for proof in found.evidence] == list(range(19, 19 - EVIDENCE_LIMIT, -1))


@pytest.mark.parametrize(("digests", "state"), [
    ("abababab", StabilityState.SUSPECTED), ("aabbabaa", StabilityState.NONE), ("aabababa", StabilityState.SUSPECTED),
    ("aabbccddee", StabilityState.NONE),
    ("abababa", StabilityState.NONE)])
def test_a_test_is_suspected_if_three_of_five_of_the_main_repositorys_runs_change_it(digests: str, state: StabilityState) -> None:
    sightings = [seen(number, came(digest), commit=str(number)) for number, digest in enumerate(digests)]

    assert stability_of(sightings).state is state


def on_both(linux: str, windows: str, *, is_main: bool = True) -> list[Sighting]:
    """What a test came to in commits that were tested on two platforms."""
    return [
        seen(2 * number + place, came(digest), commit=str(number), platform=platform, is_main=is_main)
        for place, (platform, digests) in enumerate(((Platform.LINUX, linux), (Platform.WINDOWS, windows)))
        for number, digest in enumerate(digests)]


@pytest.mark.parametrize(("linux", "windows", "state"), [
    # It changes often, and always on both.
    ("abababab", "abababab", StabilityState.NONE), ("abababab", "abababcc", StabilityState.NONE),
    ("abababab", "babababa", StabilityState.SUSPECTED),
    # It seldom changes, and comes to the same on both by turns.
    ("aaaaaaaaa", "abbaabbaa", StabilityState.NONE), ("aaaaaaaaa", "aababbaba", StabilityState.SUSPECTED)])
def test_a_test_that_comes_to_the_same_on_two_platforms_is_determined_by_the_commit(
    linux: str, windows: str, state: StabilityState,
) -> None:
    assert stability_of(on_both(linux, windows)).state is state
    # The commits of pull requests do not lie on one line.
    assert stability_of(on_both(linux, windows, is_main=False)).state is StabilityState.NONE


def test_a_test_is_doubtful_where_the_newest_commit_came_to_something_else_on_another_platform() -> None:
    assert stability_of(on_both("aab", "aaa")) == Stability(is_doubtful=True)
    assert stability_of(on_both("aba", "aaa")) == STABLE


@pytest.mark.parametrize(("digests", "is_doubtful"), [("ababa", True), ("abab", False), ("abbba", False), ("abcbaab", True)])
def test_before_it_is_suspected_a_test_is_doubtful_that_nearly_each_run_changes(digests: str, is_doubtful: bool) -> None:
    sightings = [seen(number, came(digest), commit=str(number)) for number, digest in enumerate(digests)]

    assert stability_of(sightings) == Stability(is_doubtful=is_doubtful)


def test_runs_of_pull_requests_make_nobody_suspect() -> None:
    sightings = [seen(number, came(str(number % 2)), commit=str(number), is_main=False) for number in range(10)]

    assert stability_of(sightings) == STABLE


def test_noise_is_what_outputs_of_one_commit_differ_by() -> None:
    stability = stability_of([seen(1, came("one")), seen(2, came("two"))])

    noise = noise_of(subject(came("two")), stability, known(one_two="cues.order/0.1"))

    assert noise.has(fact("cues.order/0.9"))
    assert noise.has(fact("text.replaced/0.2"))
    assert noise.has(fact("time.start.some/0.2"))
    assert not noise.has(fact("text.replaced/0.3"))
    assert not noise.has(fact("cues.lost tail/0.1"))
    assert not noise.has(fact("time.start.const +40/0.1"))
    assert not noise.has(fact("bytes.bom +/0"))


def test_noise_of_bytes_is_none_of_cues() -> None:
    stability = stability_of([seen(1, came("one")), seen(2, came("two"))])

    noise = noise_of(subject(came("two")), stability, known(one_two="bytes.eol lf>crlf"))

    assert noise.without((fact("bytes.eol lf>crlf"), fact("cues.order/0.1"))) == (fact("cues.order/0.1"),)


def test_without_evidence_there_is_no_noise() -> None:
    assert noise_of(subject(came("bad")), Stability(), {}) == QUIET
