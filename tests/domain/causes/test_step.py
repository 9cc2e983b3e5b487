"""The way back from a test's result, and the steps on it."""
from __future__ import annotations

from api.domain.captions.fact import Fact
from api.domain.causes.came import Pair
from api.domain.causes.step import needed_pairs, steps_of, walk
from api.domain.results.base_run import Line
from tests.domain.causes.outcomes import GOOD, came, run, subject


def test_each_change_of_the_output_is_a_step_up_to_the_last_result_that_would_pass_now() -> None:
    line = Line((run(4), run(3), run(2), run(1)))
    results = {4: came("worse"), 3: came("bad"), 2: came(GOOD), 1: came("never looked at")}

    found = walk(run(5), subject(came("worse")), line, results)
    steps = steps_of(found, {Pair("bad", "worse", ".srt"): (Fact("cues.none"),), Pair(GOOD, "bad", ".srt"): (Fact("cues.order"),)})

    assert [(step.commit, step.from_commit, [fact.kind for fact in step.facts]) for step in steps] == [
        ("c4", "c3", ["cues.none"]), ("c3", "c2", ["cues.order"])]
    assert found.ends_well


def test_the_pairs_of_a_way_back_are_those_of_its_steps_and_of_what_is_expected() -> None:
    line = Line((run(2), run(1)))

    found = needed_pairs([walk(run(3), subject(came("worse")), line, {2: came("bad"), 1: came(GOOD)})], 10)

    assert set(found) == {Pair(GOOD, "worse", ".srt"), Pair(GOOD, "bad", ".srt"), Pair("bad", "worse", ".srt")}
