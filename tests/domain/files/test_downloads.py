"""Handing out files: tickets, ranges, names of attachments, and what the storage status says."""
from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.auth.signing import SigningKey
from api.domain.errors import Forbidden, NotFound
from api.domain.files.attachment import content_disposition
from api.domain.files.byte_range import ByteRange, Unsatisfiable, parse_range
from api.domain.files.signed_url import FileKind, SignedUrl, read_signed_url
from api.domain.files.storage_status import StorageStatus, storage_status

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
KEY = SigningKey(b"secret")
TICKET = SignedUrl(FileKind.RESULT, "TestResults/a.srt", "a.srt", "text/plain", NOW + timedelta(hours=1))
FORM = re.compile(r"[A-Za-z0-9_-]+[.][A-Za-z0-9_-]{43}\Z")


@given(st.sampled_from(FileKind), st.text(max_size=100), st.text(max_size=100), st.text(max_size=50), st.integers(1, 10**6))
def test_a_ticket_is_read_as_it_was_sealed(kind: FileKind, name: str, filename: str, content_type: str, seconds: int) -> None:
    ticket = SignedUrl(kind, name, filename, content_type, NOW + timedelta(seconds=seconds))

    sealed = ticket.sealed(KEY)

    assert FORM.match(sealed)
    assert read_signed_url(sealed, KEY, NOW) == ticket


def test_a_ticket_is_good_until_its_instant_and_not_at_it() -> None:
    sealed = TICKET.sealed(KEY)

    assert read_signed_url(sealed, KEY, TICKET.expires_at - timedelta(seconds=1)) == TICKET
    with pytest.raises(Forbidden):
        read_signed_url(sealed, KEY, TICKET.expires_at)


@given(st.data())
def test_a_ticket_with_any_character_changed_is_worth_nothing(data: st.DataObject) -> None:
    sealed = TICKET.sealed(KEY)
    position = data.draw(st.integers(0, len(sealed) - 1))
    # The last character of a part carries bits that no byte needs.
    changed = data.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."))
    forged = sealed[:position] + changed + sealed[position + 1:]

    if forged == sealed or _decoded(forged) == _decoded(sealed):
        return
    with pytest.raises(NotFound):
        read_signed_url(forged, KEY, NOW)


@pytest.mark.parametrize("key", [SigningKey(b"another"), SigningKey(b"")])
def test_a_ticket_of_another_server_is_worth_nothing(key: SigningKey) -> None:
    with pytest.raises(NotFound):
        read_signed_url(TICKET.sealed(key), KEY, NOW)


@given(st.text(max_size=200))
def test_no_text_is_taken_for_a_ticket(text: str) -> None:
    with pytest.raises(NotFound):
        read_signed_url(text, KEY, NOW)


@pytest.mark.parametrize("content", [b"[]", b"{}", b"[1]", b'["TestResults/a.srt","a.srt","text/plain",1]', b'["secret","a","b","c",1]'])
def test_a_ticket_of_another_form_is_worth_nothing_though_we_signed_it(content: bytes) -> None:
    with pytest.raises(NotFound):
        read_signed_url(KEY.sign("download", content), KEY, NOW)


def test_what_is_signed_for_one_purpose_is_worth_nothing_for_another() -> None:
    signed = KEY.sign("cursor", b"content")

    assert KEY.read("cursor", signed) == b"content"
    assert KEY.read("download", signed) is None


def test_while_a_key_is_replaced_what_the_old_one_signed_is_known_and_nothing_is_signed_with_it() -> None:
    old, new = SigningKey(b"old"), SigningKey(b"new")
    both = SigningKey(b"new", previous=(b"old",))

    assert both.read("cursor", old.sign("cursor", b"content")) == b"content"
    assert both.sign("cursor", b"content") == new.sign("cursor", b"content") != old.sign("cursor", b"content")
    assert new.read("cursor", old.sign("cursor", b"content")) is None
    assert both.read("cursor", SigningKey(b"other").sign("cursor", b"content")) is None


def test_a_key_is_not_shown() -> None:
    assert "secret" not in repr(SigningKey(b"secret", previous=(b"secret too",)))


def _decoded(ticket: str) -> list[bytes]:
    return [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in ticket.split(".") if len(part) % 4 != 1]


@pytest.mark.parametrize(("header", "expected"), [
    ("bytes=0-0", (0, 1)), ("bytes=0-", (0, 10)), ("bytes=3-5", (3, 3)), ("bytes=3-99", (3, 7)), ("bytes=-4", (6, 4)),
    ("bytes=-99", (0, 10)), ("bytes=9-9", (9, 1)), ("bytes= 1 - 2 ", (1, 2))])
def test_one_range_is_the_part_it_names(header: str, expected: tuple[int, int]) -> None:
    assert parse_range(header, 10) == ByteRange(*expected, 10)


@pytest.mark.parametrize("header", [
    None, "", "bytes", "bytes=", "bytes=-", "bytes=5-3", "bytes=0-1,3-4", "lines=0-1", "bytes=a-b", "bytes=1-2x"])
def test_what_is_no_single_range_stands_for_the_whole(header: str | None) -> None:
    assert parse_range(header, 10) is None


@pytest.mark.parametrize(("header", "size"), [("bytes=10-", 10), ("bytes=11-20", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-1", 0)])
def test_a_range_behind_the_end_cannot_be_had(header: str, size: int) -> None:
    with pytest.raises(Unsatisfiable):
        parse_range(header, size)


@pytest.mark.parametrize(("part", "header"), [(ByteRange(0, 1, 10), "bytes 0-0/10"), (ByteRange(3, 7, 10), "bytes 3-9/10")])
def test_a_part_says_which_bytes_it_is(part: ByteRange, header: str) -> None:
    assert part.content_range == header


@given(st.integers(0, 50), st.integers(0, 60), st.integers(0, 60))
def test_a_range_is_always_within_the_file(size: int, first: int, last: int) -> None:
    try:
        part = parse_range(f"bytes={first}-{last}", size)
    except Unsatisfiable:
        assert first >= size
        return

    assert part is None if last < first else part is not None and part.start >= 0 and 0 < part.length <= size - part.start


@given(st.text(max_size=60))
def test_an_attachments_header_is_plain_ascii_and_loses_no_name(filename: str) -> None:
    header = content_disposition(filename)

    assert header.isascii() and header.isprintable() and header.startswith('attachment; filename="')
    plain, _, exact = header.removeprefix('attachment; filename="').partition('"; filename*=UTF-8\'\'')
    assert re.fullmatch(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]*\"?", plain)
    if exact:
        assert unquote(exact) == filename.encode("utf-8", "replace").decode()


def test_a_very_long_name_is_given_in_plain_characters_alone() -> None:
    assert content_disposition("ä" * 100) == f'attachment; filename="{"_" * 100}"'


@pytest.mark.parametrize(("holding", "silent", "expected"), [
    (2, 0, StorageStatus.OK), (1, 0, StorageStatus.DEGRADED), (0, 0, StorageStatus.MISSING),
    (1, 1, StorageStatus.DEGRADED), (0, 1, StorageStatus.DEGRADED), (0, 2, StorageStatus.DEGRADED)])
def test_ok_is_both_missing_is_none_and_everything_else_degraded(holding: int, silent: int, expected: StorageStatus) -> None:
    assert storage_status(holding, silent) is expected
