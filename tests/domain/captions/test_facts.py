"""What is told about an output: one fact for one cause, in every format."""
from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.captions.cue import Format
from api.domain.captions.fact import Fact, fact_of, is_unread
from api.domain.captions.facts import BYTE_LIMIT, SECONDS, facts
from api.domain.captions.words import words
from api.domain.results.failure_code import FailureCode
from tests.domain.captions.causes import ALL, BYTES, CAUSES, COLOURED, MARKED, STYLES, TIMED
from tests.domain.captions.writers import CUES, Style, written


def pairs_of(found: tuple[Fact, ...]) -> set[tuple[str, str]]:
    return {(fact.kind, fact.parameter) for fact in found}


def shown(kind: str, parameter: str) -> str:
    return f"{kind} {parameter}".strip()


def table(causes: dict[str, tuple[object, frozenset[Format], set[str]]]) -> pytest.MarkDecorator:
    rows = [(name, format) for name, (_, formats, _) in causes.items() for format in Format if format in formats]
    return pytest.mark.parametrize(("name", "format"), rows)


@table(CAUSES)  # type: ignore[arg-type]
def test_what_a_decoder_does_to_cues_is_the_same_fact_in_every_format(name: str, format: Format) -> None:
    change, _, told = CAUSES[name]

    found = facts(written(format), written(format, change(CUES)), None)

    assert {shown(*pair) for pair in pairs_of(found)} == told


@table(STYLES)  # type: ignore[arg-type]
def test_what_a_serializer_does_is_told_apart_from_the_cues(name: str, format: Format) -> None:
    style, _, told = STYLES[name]

    found = facts(written(format), written(format, style=style), None)

    assert {shown(*pair) for pair in pairs_of(found)} == told


@table(BYTES)  # type: ignore[arg-type]
def test_what_happens_to_bytes_is_told_apart_from_the_text(name: str, format: Format) -> None:
    change, _, told = BYTES[name]

    found = facts(written(format), change(written(format)), None)

    assert {shown(*pair) for pair in pairs_of(found)} == told


@pytest.mark.parametrize("format", sorted(MARKED))
def test_lost_and_changed_markup_is_told_by_its_meaning(format: Format) -> None:
    expected = written(format, COLOURED)

    plain = facts(expected, written(format), None)
    blue = facts(expected, written(format, [replace(cue, colour="0000ff") for cue in COLOURED]), None)

    assert pairs_of(plain) == {("markup", "-colour"), ("markup", "-italic")}
    assert pairs_of(blue) == {("markup", "colour values")}
    assert pairs_of(facts(written(format), expected, None)) == {("markup", "+colour"), ("markup", "+italic")}


def test_markup_of_the_same_kind_at_other_places_is_told() -> None:
    found = facts(b"1\n00:00:01,000 --> 00:00:02,000\n<i>a</i> b\n", b"1\n00:00:01,000 --> 00:00:02,000\na <i>b</i>\n", None)

    assert pairs_of(found) == {("other", "<i>a</i> b")}


@pytest.mark.parametrize("format", Format)
@pytest.mark.parametrize("code", [None, FailureCode.OUTPUT_DIFF])
def test_equal_files_have_no_facts(format: Format, code: FailureCode | None) -> None:
    assert facts(written(format), written(format), code) == ()


def test_how_the_program_ended_is_a_fact_of_its_own() -> None:
    expected = written(Format.SRT)

    assert facts(expected, expected, FailureCode.SEGFAULT) == (Fact("exit", "SEGFAULT"),)
    assert facts(expected, None, FailureCode.TIMEOUT) == (Fact("exit", "TIMEOUT"), Fact("file.missing"))
    assert facts(expected, None, FailureCode.MISSING_OUTPUT) == (Fact("file.missing"),)


@pytest.mark.parametrize("format", Format)
def test_a_file_that_a_crash_cut_is_only_that(format: Format) -> None:
    expected = written(format)

    found = facts(expected, expected[:len(expected) * 2 // 3], FailureCode.SEGFAULT)

    assert pairs_of(found) == {("exit", "SEGFAULT"), ("file.cut", "")}


@pytest.mark.parametrize("format", sorted(TIMED - {Format.SCC}))
def test_a_file_that_a_crash_cut_still_tells_what_else_is_wrong_with_it(format: Format) -> None:
    moved = written(format, [cue.moved(500, 500) for cue in CUES])

    found = facts(written(format), moved[:len(moved) * 2 // 3], FailureCode.SEGFAULT)

    assert pairs_of(found) == {("exit", "SEGFAULT"), ("file.cut", ""), ("time.both.const", "+500")}


@pytest.mark.parametrize("format", sorted(TIMED))
def test_a_file_without_cues_is_told_as_that(format: Format) -> None:
    found = facts(written(format), written(format, ()) or b"\n", None)

    assert pairs_of(found) == {("cues.none", "")}


@pytest.mark.parametrize("format", [Format.WEBVTT, Format.ASS, Format.SCC, Format.SAMI, Format.RAW])
def test_cues_where_there_should_be_none_are_extra(format: Format) -> None:
    found = facts(written(format, ()), written(format), None)

    assert pairs_of(found) == {("cues.extra", "")}


def test_two_causes_on_one_output_are_two_facts() -> None:
    changed = written(Format.WEBVTT, [cue.moved(0, -40) for cue in CUES], Style(version="0.95", position=""))

    found = facts(written(Format.WEBVTT), b"\xef\xbb\xbf" + changed, None)

    assert pairs_of(found) == {("bytes.bom", "+"), ("frame", "numbers"), ("time.end.const", "-40"), ("cue.settings", "lost")}


def test_another_format_is_told_with_what_both_formats_have() -> None:
    moved = written(Format.SRT, [cue.moved(250, 250) for cue in CUES])

    assert pairs_of(facts(written(Format.TTML), moved, None)) == {("format", "ttml>srt"), ("time.both.const", "+250")}
    assert pairs_of(facts(written(Format.SRT), written(Format.TRANSCRIPT), None)) >= {("format", "srt>transcript")}


@pytest.mark.parametrize(("expected", "actual", "told"), [
    (b"\0\1\2", b"\0\1\3", "same size"), (b"\0\1\2", b"\0\1", "shorter"), (b"\0\1", b"\0\1\3", "longer"),
    (b"\0\1", b"text\n", "longer"), (b"text\n", b"\0\1", "shorter"), (b"\xcc\xcc\xed\xcc", b"text\n", "longer")])
def test_of_binary_files_that_nobody_reads_the_sizes_are_compared(expected: bytes, actual: bytes, told: str) -> None:
    assert facts(expected, actual, None) == (Fact("binary.other", told),)


def test_a_difference_that_no_rule_names_is_told_by_its_first_line_without_numbers() -> None:
    spaced = b"1\n00:00:01,000 --> 00:00:02,000\nyes\n\n\n\n2\n00:00:03,000 --> 00:00:04,000\nno\n\n"

    found = facts(spaced, spaced.replace(b"\n\n\n\n", b"\n\n"), None)

    assert found == (Fact("other", "#"),)


def test_an_encoding_explains_characters() -> None:
    expected = "café, naïve\n".encode()
    actual = "caf¿, naïve\n".encode("cp1252")

    assert pairs_of(facts(expected, actual, None)) == {("bytes.encoding", "utf-8>cp1252")}
    assert pairs_of(facts(expected, actual, None, whole=True)) == {("bytes.encoding", "utf-8>cp1252"), ("text.chars", "replaced")}


def test_a_change_of_structure_explains_weak_facts() -> None:
    doubled = [each for cue in CUES for each in (cue, cue.moved(10, 0))]
    style = Style(position="line:10%")

    found = facts(written(Format.WEBVTT), written(Format.WEBVTT, doubled, style), None)
    whole = facts(written(Format.WEBVTT), written(Format.WEBVTT, doubled, style), None, whole=True)

    assert pairs_of(found) == {("cues.doubled", "")}
    assert pairs_of(whole) == {("cues.doubled", ""), ("cue.settings", "changed")}


def test_a_cue_that_is_shown_for_no_time_is_told() -> None:
    again = [*CUES[:3], replace(CUES[3], end=CUES[3].start), *CUES[3:]]

    assert pairs_of(facts(written(Format.SRT), written(Format.SRT, again), None)) == {("cues.doubled", "empty time")}


def test_a_text_that_differs_beyond_what_is_looked_at_is_edited() -> None:
    assert pairs_of(facts(b"a" * 5000 + b"b\n", b"a" * 5000 + b"c\n", None)) == {("text.edited", "")}


def test_a_share_and_places_say_how_much_is_touched() -> None:
    found = facts(written(Format.SRT), written(Format.SRT, [*CUES[:4], CUES[4].moved(500, 0), *CUES[5:]]), None)

    assert found == (Fact("time.start.some", "", 0.0833, (4,)),)


def test_of_longer_files_the_beginning_is_compared() -> None:
    many = [replace(CUES[0], start=1000 * index, end=1000 * index + 900) for index in range(5_000)]
    expected, actual = (written(Format.SRT, [cue.moved(by, by) for cue in many]) for by in (0, 30))

    found = facts(expected, actual, None)

    assert pairs_of(found) == {("time.both.const", "+30"), ("capped", "cues")}
    assert pairs_of(facts(expected * 9, actual * 9, None)) == {("time.both.const", "+30"), ("capped", "bytes")}


@pytest.mark.parametrize("format", sorted(ALL - {Format.RAW}))
def test_of_files_that_are_equal_as_far_as_is_looked_only_that_is_told(format: Format) -> None:
    many = written(format, CUES * (1 + 2 * BYTE_LIMIT // len(written(format))))

    assert pairs_of(facts(many + b"a", many + b"b", None)) == {("capped", "bytes")}


def test_binary_files_that_are_equal_as_far_as_is_looked_are_capped() -> None:
    assert facts(bytes(BYTE_LIMIT) + b"a", bytes(BYTE_LIMIT) + b"b", None) == (Fact("capped", "bytes"),)


def test_when_time_is_over_what_is_known_is_told() -> None:
    seconds = iter((0.0, 0.0, SECONDS + 1))
    expected = written(Format.SRT)

    found = facts(expected, b"\xef\xbb\xbf" + expected.replace(b"0", b"1"), FailureCode.ABORT, clock=lambda: next(seconds))

    assert found == (Fact("exit", "ABORT"), Fact("bytes.bom", "+"), Fact("capped", "time"))


def test_every_fact_of_the_tables_has_words() -> None:
    told = [
        fact for change, formats, _ in CAUSES.values() for format in formats
        for fact in facts(written(format), written(format, change(CUES)), None, whole=True)]

    assert all(words(fact) for fact in told)


@given(st.builds(Fact, st.text(), st.text(), st.floats(0, 1), st.lists(st.integers(0), max_size=3).map(tuple)))
def test_a_fact_comes_back_from_its_fields(fact: Fact) -> None:
    assert Fact.of_fields(fact.fields) == fact


def test_facts_of_what_is_no_captions_say_that_nobody_reads_it() -> None:
    read, unread = fact_of("text.case", "", [0], 2), fact_of("binary.other", "", [0], 1)

    assert is_unread([read, unread])
    assert not is_unread([read])
