from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.files.content import CONTENT_LIMIT, Content, ContentEncoding, as_base64, as_text

parts_of_a_file = st.lists(st.binary(max_size=5) | st.text(max_size=3).map(str.encode), max_size=8)


@given(parts_of_a_file)
def test_text_is_exactly_what_python_reads_however_it_comes_in_parts(parts: Sequence[bytes]) -> None:
    content = b"".join(parts)
    try:
        expected = Content(ContentEncoding.UTF_8, content.decode(), False)
    except UnicodeDecodeError:
        expected = None

    assert as_text(parts) == expected


@given(st.text(max_size=5), st.integers(0, 3))
def test_a_file_that_goes_on_may_be_given_up_to_the_middle_of_a_character(text: str, cut: int) -> None:
    content = (text + "\U0001f600").encode()[:-1 - cut]

    found = as_text([content], whole=False)

    assert found == Content(ContentEncoding.UTF_8, text, True)


def test_text_over_the_limit_is_cut_but_still_read_to_its_end() -> None:
    long = b"a" * CONTENT_LIMIT

    assert as_text([long, b"b"]) == Content(ContentEncoding.UTF_8, "a" * CONTENT_LIMIT, True)
    assert as_text([long, b"\xff"]) is None


@pytest.mark.parametrize(("size", "shown", "truncated"), [(0, 0, False), (786_432, 786_432, False), (786_433, 786_432, True)])
def test_base64_has_room_for_three_quarters_of_the_limit(size: int, shown: int, truncated: bool) -> None:
    found = as_base64(b"\0" * size, size)

    assert (len(b64decode(found.text)), found.truncated) == (shown, truncated)
    assert len(found.text) <= CONTENT_LIMIT


def test_the_head_of_a_longer_file_is_truncated() -> None:
    assert as_base64(b"abc", 4).truncated


def test_utf_16_is_no_text_of_utf_8_whatever_its_bytes_pass_for() -> None:
    assert as_text(["one\ntwo\n".encode("utf-16-le")]) is None
