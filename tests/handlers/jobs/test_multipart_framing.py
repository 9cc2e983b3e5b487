"""Multipart bodies as programs write them: with words before the first boundary, and with line ends of either kind."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.runs.worker_message import Malformed
from api.specfirst.multipart import MultipartForm
from api.specfirst.multipart_framing import MAX_HEADERS_LENGTH, MAX_PREAMBLE_LENGTH, MultipartFraming

BOUNDARY = b"XyZ"
CONTENTS = st.binary(max_size=200).filter(lambda content: b"--XyZ" not in content)


def a_form(newline: bytes, content: bytes = b"text", *, preamble: bytes = b"", end: bytes = b"--") -> bytes:
    lines = [
        b"--XyZ", b'Content-Disposition: form-data; name="type"', b"", b"upload", b"--XyZ",
        b'Content-Disposition: form-data; name="file"; filename="a"', b"Content-Type: text/plain", b"", content, b"--XyZ" + end]
    return preamble + newline.join(lines)


def read(body: bytes, size: int = 1 << 20) -> tuple[dict[str, str], bytes, bool]:
    form = MultipartForm(BOUNDARY)
    for at in range(0, len(body), size):
        form.feed(body[at:at + size])
    return form.fields, form.take(), form.is_complete


@pytest.mark.parametrize("newline", [b"\r\n", b"\n"])
@pytest.mark.parametrize("preamble", [b"", b"This is a multipart message.\n", b"\r\n", b"--XyZ is the boundary\r\n", b"not --XyZ\n"])
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_a_form_is_read_whatever_stands_before_it_and_however_its_lines_end(newline: bytes, preamble: bytes, size: int) -> None:
    assert read(a_form(newline, preamble=preamble), size) == ({"type": "upload"}, b"text", True)


@given(content=CONTENTS, size=st.integers(1, 50), newline=st.sampled_from([b"\r\n", b"\n"]))
def test_the_bytes_of_a_file_arrive_as_they_are(content: bytes, size: int, newline: bytes) -> None:
    assert read(a_form(newline, content), size)[1:] == (content, True)


def test_a_form_that_is_cut_off_is_not_complete() -> None:
    assert read(a_form(b"\n", end=b""))[2] is False


@pytest.mark.parametrize("body", [
    b"x" * (MAX_PREAMBLE_LENGTH + 1000), b"\n" * (MAX_PREAMBLE_LENGTH + 1000), b"--XyZ\n" + b"x" * (MAX_HEADERS_LENGTH + 10)])
def test_what_never_comes_to_a_form_is_refused_without_being_kept(body: bytes) -> None:
    with pytest.raises(Malformed):
        read(body, 1000)


def test_a_body_with_the_parsers_own_line_ends_is_handed_on_as_it_came() -> None:
    body = a_form(b"\r\n", b"\n--Xy" * 100)

    assert MultipartFraming(BOUNDARY).feed(body) == body
