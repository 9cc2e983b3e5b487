"""Where binary files first differ, and what two texts have in common."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.text.byte_difference import BEFORE, BEHIND, ByteDifference, byte_difference
from api.domain.text.common_beginning import common_length


@given(st.binary(max_size=300), st.binary(max_size=300), st.binary(max_size=300))
def test_the_common_length_is_that_of_the_longest_common_beginning(same: bytes, left: bytes, right: bytes) -> None:
    length = common_length(same + left, same + right)

    assert (same + left)[:length] == (same + right)[:length]
    assert (same + left)[length:length + 1] != (same + right)[length:length + 1] or length == len(same + left) == len(same + right)


def test_the_first_byte_that_differs_is_shown_among_those_around_it() -> None:
    expected = bytes(range(256)) * 40
    actual = expected[:5000] + b"\xff" + expected[5001:]

    found = byte_difference(expected, actual)

    assert found == ByteDifference(5000, 4984, expected[4984:5048].hex(), actual[4984:5048].hex())
    assert len(bytes.fromhex(found.expected)) == BEFORE + BEHIND


@pytest.mark.parametrize(("expected", "actual", "told"), [
    (b"\0", b"", ByteDifference(0, 0, "00", "")), (b"a", b"a\0b", ByteDifference(1, 0, "61", "610062")),
    (b"a", b"b", None), ("text".encode("utf-16"), b"text", None)])
def test_files_of_text_are_none(expected: bytes, actual: bytes, told: ByteDifference | None) -> None:
    assert byte_difference(expected, actual) == told
