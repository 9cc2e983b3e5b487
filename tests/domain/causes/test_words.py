"""Clusters in words for people."""
from __future__ import annotations

import pytest

from api.domain.causes.clustering import Cluster, clusters_of
from api.domain.causes.groups import Failing
from api.domain.causes.signs import Sign
from api.domain.causes.words import cluster_words
from tests.domain.causes.outcomes import facts


def cluster(*words: str) -> Cluster:
    found, = clusters_of(Failing(number, number, tuple(map(Sign, facts(each)))) for number, each in enumerate(words))
    return found


@pytest.mark.parametrize(("facts", "words"), [
    (["bytes.bom +"], "a byte order mark is added: 1 test"),
    (["time.end.const -40"] * 3, "every cue ends 40 ms earlier: 3 tests"),
    (["time.both.const +10", "time.both.const -200"], "the times are shifted, by another amount in each sample: 2 tests"),
    (["time.start.const +10", "time.start.const -200"], "the start times are shifted, by another amount in each sample: 2 tests"),
    (["time.end.drift 1.0100", "time.end.drift 1.0500"], "the end times drift, by another amount in each sample: 2 tests"),
    (["exit SEGFAULT, file.cut"] * 2, "the program ended in another way: SEGFAULT, and the output breaks off: 2 tests"),
    (["frame <script>alert(1)>x"], "words outside of the cues changed: 1 test")])
def test_a_cluster_says_what_is_different_and_in_how_many_tests(facts: list[str], words: str) -> None:
    assert cluster_words(cluster(*facts)) == words


def test_the_words_of_a_cluster_of_many_facts_stay_short() -> None:
    found = cluster(*["bytes.bom +, cues.order, markup -bold"] * 4)

    assert cluster_words(found).count(" and ") <= 1
