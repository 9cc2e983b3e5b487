"""What a log may do to the terminal of who reads it: print text in colours."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_client.terminal import RESET, ColoursOnly

pieces = st.lists(st.text(alphabet="\x1b[]0;1m?2JHc\x07\\P\x9b\x9c\x08\ra(#", max_size=12), max_size=8)


def filtered(*texts: str) -> str:
    colours = ColoursOnly()
    return "".join([colours.filter(text) for text in texts] + [colours.filter("x")])[:-1]


@pytest.mark.parametrize(("text", "shown"), [
    ("plain\ttext\r\n", "plain\ttext\r\n"),
    ("\x1b[31mred\x1b[0m \x1b[38;5;9mx\x1b[38:2::1:2:3my\x1b[m", "\x1b[31mred\x1b[0m \x1b[38;5;9mx\x1b[38:2::1:2:3my\x1b[m"),
    ("\x1b[2J\x1b[1;1Hgone\x1b[?25l\x1b[5A\x1b[K", "gone"),
    ("\x1b]0;title\x07a\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\", "alink"),
    ("\x1bPq#0\x1b\\a\x1b_secret\x1b\\b", "ab"),
    ("\x1bca\x1b(0b\x1b7c\x1b#8d", "abcd"),
    ("a\x08b\x7fc\x00d\x9b31me", "abcd31me"),
    ("größe ✓ 中文", "größe ✓ 中文"),
])
def test_only_text_and_colours_reach_the_terminal(text: str, shown: str) -> None:
    assert filtered(text) == shown
    assert filtered(*text) == shown


@given(pieces)
def test_where_the_pieces_end_makes_no_difference(texts: list[str]) -> None:
    assert filtered(*texts) == filtered("".join(texts))


@given(pieces)
def test_every_escape_that_is_left_is_a_colour(texts: list[str]) -> None:
    left = filtered(*texts)

    for after in left.split("\x1b")[1:]:
        assert after.startswith("[")
        assert after[1:].lstrip("0123456789;:").startswith("m")


def test_a_sequence_that_never_ends_holds_nothing_back_for_ever() -> None:
    assert filtered("\x1b]0;" + "a" * 5000) == "]0;" + "a" * 5000


@pytest.mark.parametrize(("text", "end"), [("\x1b[31mred", RESET), ("\x1b[31mred\x1b[0m", ""), ("plain", "")])
def test_colours_end_with_the_log(text: str, end: str) -> None:
    colours = ColoursOnly()
    colours.filter(text)

    assert colours.end() == end
