"""Whatever the files are, facts are told, within bounds."""
from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.captions.alignment import align
from api.domain.captions.cue import CUE_LIMIT, Cue, Format
from api.domain.captions.fact import PLACES, Fact
from api.domain.captions.facts import BYTE_LIMIT, facts
from api.domain.captions.formats.reading import read_captions
from api.domain.captions.words import KINDS, words
from api.domain.results.failure_code import FailureCode
from tests.domain.captions.accidents import FILES, mutated
from tests.domain.captions.writers import CUES, written

CODES = (None, None, FailureCode.SEGFAULT, FailureCode.OUTPUT_DIFF)
CONTROL = {*map(chr, range(32)), *map(chr, range(127, 160))}


def checked(expected: bytes, actual: bytes | None, code: FailureCode | None = None, *, whole: bool = False) -> tuple[Fact, ...]:
    """The facts, each of which keeps what it promises."""
    found = facts(expected, actual, code, whole)
    assert found or expected == actual and code in (None, FailureCode.OUTPUT_DIFF)
    for fact in found:
        assert fact.kind in KINDS
        assert words(fact)
        assert len(fact.parameter) <= 80 and not CONTROL & set(fact.parameter)
        assert 0 <= fact.share <= 1 and len(fact.place) <= PLACES
    return found


def mutations(count: int) -> Iterator[int]:
    chance = random.Random(20160211)
    for number in range(count):
        expected, actual = mutated(chance)
        checked(expected, actual, CODES[number % len(CODES)], whole=number % 3 == 0)
        yield number


def test_mutated_files_have_facts() -> None:
    assert sum(1 for _ in mutations(400)) == 400


@pytest.mark.verify
def test_ten_thousand_mutated_files_have_facts() -> None:
    assert sum(1 for _ in mutations(10_000)) == 10_000


@given(st.binary(max_size=300), st.none() | st.binary(max_size=300), st.sampled_from([None, *FailureCode]), st.booleans())
def test_any_bytes_have_facts(expected: bytes, actual: bytes | None, code: FailureCode | None, whole: bool) -> None:
    found = facts(expected, actual, code, whole)

    assert found or expected == actual


TEXTS = st.text(st.sampled_from("01:,.->|\n <p>/Sync=&;é{}\\N"), max_size=120).map(str.encode)


@given(TEXTS, TEXTS)
def test_texts_that_nearly_have_a_format_have_facts(expected: bytes, actual: bytes) -> None:
    checked(expected, actual)


@given(st.binary(max_size=200) | st.sampled_from(FILES))
def test_equal_files_have_none(content: bytes) -> None:
    assert facts(content, content, None) == ()


@pytest.mark.parametrize("format", Format)
@pytest.mark.parametrize("code", [None, FailureCode.SEGFAULT])
def test_a_file_cut_at_any_byte_has_facts(format: Format, code: FailureCode | None) -> None:
    content = written(format, CUES[:4])

    for length in range(len(content)):
        checked(content, content[:length], code)


def test_digits_are_those_of_ascii() -> None:
    # Python's isdigit knows others, which int refuses.
    strange = "¹\n00:00:0²,000 --> 00:00:03,000\nyes\n\n".encode()

    assert checked(written(Format.SRT, CUES[:1]), strange)


class Counted(str):
    """A text that counts how often it is compared or hashed."""

    looks = 0

    def __eq__(self, other: object) -> bool:
        Counted.looks += 1
        return str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        Counted.looks += 1
        return str.__hash__(self)


@pytest.mark.parametrize(("expected", "actual"), [
    (["yes"] * CUE_LIMIT, ["yes"] * CUE_LIMIT), (["yes"] * CUE_LIMIT, ["yes"] * (CUE_LIMIT - 500)),
    (["yes"] * CUE_LIMIT, ["no"] * CUE_LIMIT), (["yes", "no"] * 2000, ["no", "yes"] * 1900),
    ([str(index) for index in range(CUE_LIMIT)], [str(index) for index in range(CUE_LIMIT)][::-1]),
    ([str(index) for index in range(CUE_LIMIT)], [str(index * 7 % CUE_LIMIT) for index in range(CUE_LIMIT)])])
def test_cues_are_aligned_in_steps_that_grow_as_their_number_does(
    expected: list[str], actual: list[str], monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("api.domain.captions.alignment.folded", Counted)
    Counted.looks = 0

    found = align([Cue(None, None, (text,)) for text in expected], [Cue(None, None, (text,)) for text in actual])

    assert len(found.pairs) + len(found.lost) == len(expected)
    assert Counted.looks <= 60 * (len(expected) + len(actual))


@pytest.mark.parametrize("content", [
    b"yes\n" * (BYTE_LIMIT // 4), b"yes\n" * (3 * BYTE_LIMIT), b"1\n00:00:01,000 --> 00:00:02,000\nyes\n\n" * 40_000, b"a" * (10 << 20),
    b"1\n0:0:1,0 --> 0:0:2,0\nx\n" * 1_000_000])
def test_of_files_without_end_a_bounded_part_is_read(content: bytes) -> None:
    found = checked(content, b"first\n" + content)

    assert found[-1].kind == "capped"
    assert len(read_captions(content[:BYTE_LIMIT].decode()).cues) <= CUE_LIMIT


@pytest.mark.parametrize("hostile", [
    b"<tt>" + b'<p begin="1s" end="2s">' * 30_000, b"<tt>" + b"<div>" * 200_000 + b'<p begin="1s">x</p>',
    b"<tt>" + b"<p " * 340_000,
    b"<SAMI>" + b"<SYNC " * 170_000, b"<SAMI>" + b"<SYNC start=1" * 80_000, b"<" * BYTE_LIMIT,
    b"{" * BYTE_LIMIT, b"&lt" * 300_000,
    b"-->" * 300_000, b"1\n-->\n" * 170_000, b"\0" * BYTE_LIMIT, b"\xcc\xcc\xed" + b"\0" * BYTE_LIMIT,
    b"\xcc\xcc\xed" + b"\xff" * BYTE_LIMIT,
    b"Scenarist_SCC V1.0\n\n00:00:01:00\t" + b"9420 " * 200_000, b"Dialogue: " + b"," * BYTE_LIMIT, b"00:00:01,000|" * 80_000,
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "' + b"&c;" * 200_000 + b'">]><tt><p begin="1s">&b;</p></tt>'])
def test_hostile_files_have_facts(hostile: bytes) -> None:
    checked(hostile, hostile[:len(hostile) // 2])
    checked(written(Format.SRT), hostile, FailureCode.SEGFAULT)
