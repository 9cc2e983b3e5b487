"""Facts in words for people."""
from __future__ import annotations

import pytest

from api.domain.captions.fact import Fact
from api.domain.captions.words import KINDS, words


@pytest.mark.parametrize(("fact", "told"), [
    (Fact("time.end.const", "-40"), "every cue ends 40 ms earlier"),
    (Fact("time.both.const", "+1000", 0.9), "most cues are shown 1000 ms later"),
    (Fact("time.start.some", "", 0.1), "some cues start at another time"),
    (Fact("time.any.first", "", 0.1), "the first cue is shown at another time"),
    (Fact("time.end.last", "", 0.1), "the last cue ends at another time"), (Fact("time.end.lost"), "the end times of every cue are gone"),
    (Fact("time.both.drift", "1.0010"), "the times drift: each is 1.0010 times what it was"),
    (Fact("exit", "SEGFAULT"), "the program ended in another way: SEGFAULT"), (Fact("bytes.bom", "-"), "the byte order mark is lost"),
    (Fact("bytes.encoding", "utf-8>cp1252"), "the encoding changed from utf-8 to cp1252"),
    (Fact("markup", "-colour", 0.4), "colour is lost from some cues"),
    (Fact("markup", "colour values"), "the markup of every cue changed"), (Fact("cues.lost", "tail"), "cues are lost at the end"),
    (Fact("binary.other", "shorter"), "the output is binary and differs, and is shorter"),
    (Fact("frame", "numbers"), "numbers outside of the cues changed"), (Fact("text.case"), "the text of every cue is in another case")])
def test_a_fact_is_said_in_a_clause(fact: Fact, told: str) -> None:
    assert words(fact) == told


@pytest.mark.parametrize("kind", KINDS)
def test_no_word_of_a_file_is_said(kind: str) -> None:
    for parameter in ("<script>", "-40; drop", "1.0.0", ""):
        said = words(Fact(kind, parameter, 0.5))

        assert said
        assert kind in ("exit", "binary.other", "bytes.encoding", "bytes.eol", "format", "number.first", "markup") or not parameter or (
            parameter not in said)
