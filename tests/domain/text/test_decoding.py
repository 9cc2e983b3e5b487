"""One reader for all text that is shown: which encoding, which lines, and that no two files become one text."""
from __future__ import annotations

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.text.decoding import (
    HEAD,
    MARK,
    Encoding,
    Reading,
    Text,
    decode_cp1252,
    decode_pair,
    decode_piece,
    encode_cp1252,
    is_binary,
    read_text,
    utf_16_of,
    utf_16_of_log,
)
from api.domain.text.log import MESSAGE_LENGTH

SUBTITLES = "1\r\n00:00:01,000 --> 00:00:02,000\r\n{}\r\n\r\n"
MARKS = {"utf-16-le": BOM_UTF16_LE, "utf-16-be": BOM_UTF16_BE}
WIDE = pytest.mark.parametrize("encoding", MARKS)
# The private characters that stand for halves of surrogate pairs; in a file they are told by their own halves.
FIRST_STAND_IN = "\U0010f700"
CHARACTERS = st.text(st.one_of(st.sampled_from("ab\r\né一上\u0a0d\u3000😀\U0010f7ff\U0010ffff"), st.characters(codec="utf-8")), max_size=40)
# What a crash in the middle leaves, and what is no text of UTF-16 at all.
ENDS = st.sampled_from([b"", b"\x00", b"a", b"\n", b"\xd8\x3d", b"\x3d\xd8", b"\xdc\x00\xd8\x3d"])


def read(content: bytes) -> tuple[Encoding | None, str]:
    """The UTF-16 that a file is read as, and its text."""
    reading = Reading.of(content, content)
    return reading.wide, decode_pair(reading.as_utf_8(content), b"")[1]


@WIDE
@pytest.mark.parametrize("words", ["Hello café", "Привет, мир", "你好，世界。这一天", "こんにちは\u3000一郎", "שלום", "😀"])
def test_subtitles_in_utf_16_are_known_with_and_without_their_mark(encoding: str, words: str) -> None:
    text = SUBTITLES.format(words)
    content = text.encode(encoding)

    assert read(content) == (encoding, text)
    assert read(MARKS[encoding] + content) == (encoding, MARK + text)


@WIDE
@pytest.mark.parametrize("text", ["", "你好", "\n", "上" * 100, "a", "\ud800", "a\ud800\n\udc00b"])
def test_a_mark_alone_tells(encoding: str, text: str) -> None:
    assert utf_16_of(MARKS[encoding] + text.encode(encoding, "surrogatepass")) == encoding


@WIDE
def test_a_few_nuls_on_the_other_side_do_not_hide_utf_16(encoding: str) -> None:
    # U+4E00 has a NUL where Latin letters have none.
    text = "一 line with one, and\n" * 30

    assert read(text.encode(encoding)) == (encoding, text)


@pytest.mark.parametrize("content", [
    b"", b"\0", b"a\0", b"plain text\n", b"caf\xe9\n", "café\n".encode(), b"a stray\0NUL in a line\n", b"one\0\n\0two", b"\0" * 64,
    bytes(range(256)) * 4, b"\x01\0\0\0\x02\0\0\0" * 50, b"\0\0\0\x01\0\0\0\x02" * 50, "text\n".encode("utf-32-le"),
    "text\n".encode("utf-32-be"), BOM_UTF32_LE + "text\n".encode("utf-32-le"), BOM_UTF32_BE + "text\n".encode("utf-32-be"),
    b"\x7fELF" + b"\0" * 60, b"text with a NUL at its end" * 9 + b"\0\0\0"])
def test_what_is_no_utf_16_is_not_taken_for_it(content: bytes) -> None:
    assert utf_16_of(content) is None


def test_the_beginning_alone_tells() -> None:
    assert utf_16_of(b"x" * HEAD + b"a\0" * HEAD) is None
    assert utf_16_of(b"a\0" * (HEAD // 2) + bytes(range(256))) is Encoding.UTF_16_LE


@given(st.sampled_from(list(MARKS)), CHARACTERS, CHARACTERS, ENDS, ENDS)
def test_no_two_files_of_utf_16_become_one_text(encoding: str, one: str, other: str, end: bytes, other_end: bytes) -> None:
    files = [MARKS[encoding] + ("x" + text).encode(encoding) + end for text, end in ((one, end), (other, other_end))]
    reading = Reading.of(*files)

    texts = [reading.as_utf_8(file).decode() for file in files]

    assert (reading.wide, reading.bom) == (encoding, None)
    assert (texts[0] == texts[1]) is (files[0] == files[1])


@given(st.sampled_from(list(MARKS)), st.lists(st.integers(0, 0xFFFF), max_size=20), st.lists(st.integers(0xD7FE, 0xE001), max_size=6))
def test_any_units_are_read_and_no_two_become_one_text(encoding: str, units: list[int], halves: list[int]) -> None:
    order = "little" if encoding == "utf-16-le" else "big"
    files = [MARKS[encoding] + b"".join(unit.to_bytes(2, order) for unit in [97, *each]) for each in (units + halves, units + halves[::-1])]
    reading = Reading.of(*files)

    texts = [reading.as_utf_8(file).decode() for file in files]

    assert (texts[0] == texts[1]) is (files[0] == files[1])
    assert all(text.count("\n") == each.count(0x0A) for text, each in zip(texts, (units + halves,) * 2, strict=True))


@given(st.sampled_from(list(MARKS)), CHARACTERS.filter(lambda text: max(text, default="") < FIRST_STAND_IN), ENDS)
def test_lines_of_utf_16_end_at_newlines_and_not_at_bytes_like_them(encoding: str, text: str, end: bytes) -> None:
    content = text.encode(encoding)
    reading = Reading(Encoding(encoding), 0, 0)

    ends, rest = reading.line_ends(content)

    assert ends == text.count("\n")
    assert content[len(content) - rest:].decode(encoding) == text.rpartition("\n")[2]
    assert reading.as_utf_8(content + end).startswith(text.encode())


@given(st.binary(max_size=60))
def test_lines_of_other_files_end_at_the_byte(content: bytes) -> None:
    ends, rest = Reading(None, 0, 0).line_ends(content)

    assert ends == content.count(b"\n")
    assert content[len(content) - rest:] == content.rpartition(b"\n")[2]


@given(st.binary())
def test_any_bytes_are_read_as_cp1252_and_found_again(content: bytes) -> None:
    assert encode_cp1252(decode_cp1252(content)) == content


LE, BE = "a\n".encode("utf-16-le"), "a\n".encode("utf-16-be")


@pytest.mark.parametrize(("expected", "actual", "wide", "bom"), [
    (LE, LE, "utf-16-le", None), (LE, BOM_UTF16_LE + LE, "utf-16-le", "actual"), (BOM_UTF16_LE + LE, LE, "utf-16-le", "expected"),
    (BOM_UTF16_LE, b"", "utf-16-le", "expected"), (b"", LE, "utf-16-le", None), (BOM_UTF16_LE, BOM_UTF16_LE + LE, "utf-16-le", None),
    (LE, BE, None, None), (BOM_UTF16_LE + LE, BOM_UTF16_BE + BE, None, None), (LE, b"a\n", None, None),
    (BOM_UTF16_LE + LE, b"a\n", None, None),
    (b"a\n", BOM_UTF8 + b"a\n", None, "actual"), (BOM_UTF8, b"", None, "expected"), (b"caf\xe9", BOM_UTF8 + b"caf\xe9", None, "actual"),
    (BOM_UTF8 + b"a", BOM_UTF8 + b"b", None, None), (BOM_UTF8 + b"a\n", LE, None, "expected"), (b"", b"", None, None)])
def test_two_files_are_read_as_one_encoding_and_a_mark_of_one_alone_is_named(
    expected: bytes, actual: bytes, wide: str | None, bom: str | None,
) -> None:
    reading = Reading.of(expected, actual)

    assert (reading.wide, reading.bom) == (wide, bom)


def test_what_is_not_utf_8_is_read_as_cp1252() -> None:
    assert decode_piece(b"caf\xe9 \x80", MESSAGE_LENGTH, whole=True) == ("café €", 6)


def test_what_goes_on_in_cp1252_is_not_taken_for_utf_8() -> None:
    assert decode_piece("café".encode(), MESSAGE_LENGTH, whole=True, legacy=True) == ("cafÃ©", 5)


def test_a_character_cut_at_the_end_is_left_for_the_next_piece() -> None:
    assert decode_piece("café".encode()[:-1], MESSAGE_LENGTH, whole=False) == ("caf", 3)


def test_a_character_cut_at_the_end_of_a_whole_line_makes_it_cp1252() -> None:
    assert decode_piece("café".encode()[:-1], MESSAGE_LENGTH, whole=True) == ("cafÃ", 4)


@given(st.binary(max_size=3 * MESSAGE_LENGTH), st.booleans())
def test_a_piece_is_never_longer_than_a_message_and_always_moves_on(raw: bytes, whole: bool) -> None:
    text, used = decode_piece(raw, MESSAGE_LENGTH, whole=whole)

    assert len(text) <= MESSAGE_LENGTH
    assert used <= len(raw)
    assert used or len(raw) < 4


@WIDE
@given(text=st.text(st.sampled_from("ab\ré一😀"), max_size=60), odd=st.sampled_from([b"", b"a", b"\xd8\x3d", b"\x3d\xd8\x3d\xd8"]))
def test_a_piece_of_utf_16_is_as_long_as_it_may_be_and_always_moves_on(encoding: str, text: str, odd: bytes) -> None:
    raw = text.encode(encoding) + odd

    piece, used = decode_piece(raw, 50, whole=True, wide=Encoding(encoding))

    assert piece[:len(text)] == text[:50]
    assert used == len(raw) or len(piece) == 50


@WIDE
def test_a_log_in_utf_16_is_known_by_its_mark_and_one_that_grows_by_that_alone(encoding: str) -> None:
    text = "[2026-08-01 12:00:00] a line of a log, café\n" * 3
    plain, marked = text.encode(encoding), MARKS[encoding] + text.encode(encoding)

    told = [utf_16_of_log(content, grows=grows) for content in (plain, marked) for grows in (False, True)]

    assert told == [encoding, None, encoding, encoding]
    assert utf_16_of_log("short\n".encode(encoding), grows=False) is None
    assert utf_16_of_log(("你好一" * 20 + "\n").encode(encoding) + plain[:40], grows=False) is None


@pytest.mark.parametrize(("content", "told"), [
    ("café\n".encode(), Text(Encoding.UTF_8, False, "café\n")), (BOM_UTF8 + b"a", Text(Encoding.UTF_8, True, "a")),
    ("café".encode()[:-1], Text(Encoding.UTF_8, False, "caf")), (b"caf\xe9\n", Text(Encoding.CP1252, False, "café\n")),
    (BOM_UTF8 + b"caf\xe9\n", Text(Encoding.CP1252, True, "café\n")),
    (BOM_UTF16_LE + "a\n".encode("utf-16-le"), Text(Encoding.UTF_16_LE, True, "a\n")),
    ("a line\n".encode("utf-16-be"), Text(Encoding.UTF_16_BE, False, "a line\n")), (b"", Text(Encoding.UTF_8, False, ""))])
def test_a_file_alone_is_read_as_it_is_written(content: bytes, told: Text) -> None:
    assert read_text(content) == told


@pytest.mark.parametrize(("content", "told"), [
    (b"a\0b", True), (b"text", False), (b"", False), (b"a" * 4096 + b"\0", False), ("text\n".encode("utf-16"), False),
    (bytes(range(256)), True)])
def test_a_nul_at_the_beginning_makes_a_file_binary_unless_it_is_utf_16(content: bytes, told: bool) -> None:
    assert is_binary(content) is told
