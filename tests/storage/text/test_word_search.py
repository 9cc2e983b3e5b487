"""Words that are looked for in letters of any case."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.storage.text.word_search import any_case_search

TEXTS = st.text(st.characters(max_codepoint=127), max_size=40)
WORDS = st.text(st.sampled_from("aAzZkKsS09 .*+?()[]{}|\\^$/-\"'\r\0\x7fé"), min_size=1, max_size=5)


def lowered(words: list[str]) -> list[bytes]:
    return [word.encode().lower() for word in words]


@given(TEXTS, st.lists(WORDS, min_size=1, max_size=3), TEXTS, st.data())
def test_a_text_of_ascii_has_a_word_where_the_lowered_text_has_it(before: str, words: list[str], after: str, data: st.DataObject) -> None:
    shown = data.draw(st.sampled_from(["", *(word for word in words if word.isascii())]))
    content = (before + data.draw(st.sampled_from([shown, shown.upper(), shown.swapcase()])) + after).encode()

    assert any_case_search(lowered(words))(content) is any(word in content.lower() for word in lowered(words))


@given(st.binary(max_size=40), st.lists(WORDS, min_size=1, max_size=3), st.integers(0, 2), st.binary(max_size=40))
def test_what_has_a_word_is_never_left_out(before: bytes, words: list[str], which: int, after: bytes) -> None:
    content = before + words[which % len(words)].encode() + after

    assert any_case_search(lowered(words))(content)


@pytest.mark.parametrize("character", [chr(number) for number in range(128)])
def test_no_character_stands_for_another(character: str) -> None:
    may_have = any_case_search(lowered([character]))

    assert {chr(number) for number in range(128) if may_have(bytes([number]))} == {character.upper(), character.lower()}


def test_the_longest_words_that_may_be_asked_for_are_found() -> None:
    longest = b"x" * 800

    assert any_case_search([longest, b"y" * 800])(b" " + longest.upper())


def test_no_words_are_in_nothing() -> None:
    assert any_case_search([])(b"text") is False
