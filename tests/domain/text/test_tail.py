"""The end of what a program printed."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.text.decoding import Encoding
from api.domain.text.tail import decode_tail


@pytest.mark.parametrize(("content", "is_whole", "expected"), [
    (b"", True, ""), ("é\nü".encode(), True, "é\nü"), (b"\xef\xbb\xbfa\n", True, "a\n"), (b"caf\xe9\n" + "né".encode(), True, "café\nné"),
    ("é".encode()[1:] + b" end", False, " end"), ("🎬".encode()[1:] + b" end", False, " end"),
    ("é".encode()[1:] + b" end", True, "© end"), (b"\x81\x8d", True, "\x81\x8d"), (b"\x80\x80\x80\x80x", False, "€€€€x")])
def test_lines_are_utf8_or_else_cp1252(content: bytes, is_whole: bool, expected: str) -> None:
    assert decode_tail(content, is_whole=is_whole) == expected


@given(st.text(max_size=60), st.integers(0, 60))
def test_the_end_of_a_text_is_its_end_wherever_it_begins(text: str, start: int) -> None:
    content = text.encode()[start:]

    assert text.endswith(decode_tail(content, is_whole=start == 0))


@pytest.mark.parametrize("encoding", [Encoding.UTF_16_LE, Encoding.UTF_16_BE])
def test_the_tail_of_a_log_in_utf_16_is_read_as_that(encoding: Encoding) -> None:
    content = "\ufeffcafé\n字".encode(encoding)

    assert decode_tail(content, is_whole=True, wide=encoding) == "café\n字"
    assert decode_tail(content[4:], is_whole=False, wide=encoding) == "afé\n字"


@given(st.binary(max_size=300), st.booleans())
def test_a_tail_is_never_longer_than_its_bytes(content: bytes, is_whole: bool) -> None:
    assert len(decode_tail(content, is_whole=is_whole)) <= len(content)
