"""Files in every encoding are shown line by line, their byte order marks named, and what is no text is never a fault."""
from __future__ import annotations

from base64 import b64decode
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable
from typing import Any

import pytest

from api.domain.auth.access import Role
from tests.handlers.outputs import BuiltOutput, add_compared_output
from tests.handlers.site import Client, Site

SUBTITLES = "1\r\nHello café\r\nthe end\r\n"
CHANGED = SUBTITLES.replace("Hello", "Hallo")
MARKS = {"utf-8": BOM_UTF8, "utf-16-le": BOM_UTF16_LE, "utf-16-be": BOM_UTF16_BE}
EVERY_MARK = pytest.mark.parametrize("encoding", MARKS)
WIDE = pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])


@pytest.fixture
def client(site: Site) -> Client:
    """Somebody who may see everything."""
    return site.as_role(Role.ADMIN)


def asked(client: Client, output: BuiltOutput, what: str, **query: Any) -> dict[str, Any]:
    answer = output.get(client, what, **query)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def triaged(client: Client, output: BuiltOutput) -> dict[str, Any]:
    """The first difference that triage tells of."""
    [failure] = client.get(f"/api/v1/runs/{output.run_id}/triage").json()["failures"]
    found: dict[str, Any] = failure["first_difference"]
    return found


def changes(shown: dict[str, Any]) -> list[tuple[str, str]]:
    """The lines of a difference that are not context."""
    return [(line["kind"], line["text"]) for hunk in shown["hunks"] for line in hunk["lines"] if line["kind"] != "context"]


@WIDE
@pytest.mark.parametrize("marked", [False, True])
def test_utf_16_is_compared_and_shown_line_by_line(site: Site, client: Client, encoding: str, marked: bool) -> None:
    mark = MARKS[encoding] if marked else b""
    output = add_compared_output(site, mark + SUBTITLES.encode(encoding), mark + CHANGED.encode(encoding))

    shown, first = asked(client, output, "diff"), triaged(client, output)

    assert (shown["status"], shown["encoding"], shown["precision"]) == ("different", encoding, "exact")
    assert shown["summary"] == {"added_lines": 1, "removed_lines": 1, "changed_hunks": 1}
    assert changes(shown) == [("removed", "Hello café\r"), ("added", "Hallo café\r")]
    assert shown["hunks"][0]["lines"][0] == {"kind": "context", "expected_line": 1, "actual_line": 1, "text": "1\r"}
    assert (first["line"], first["column"], first["expected"], first["actual"]) == (2, 2, "Hello café\r", "Hallo café\r")
    assert "bom" not in shown and "bom" not in first


@EVERY_MARK
@pytest.mark.parametrize("side", ["expected", "actual"])
def test_a_change_of_the_byte_order_mark_alone_is_different_and_named(site: Site, client: Client, encoding: str, side: str) -> None:
    files = {"expected": SUBTITLES.encode(encoding), "actual": SUBTITLES.encode(encoding)}
    files[side] = MARKS[encoding] + files[side]
    output = add_compared_output(site, **files)

    shown, first = asked(client, output, "diff"), triaged(client, output)

    assert (shown["status"], shown["bom"], shown["encoding"]) == ("different", side, encoding)
    assert changes(shown) == [("removed", "1\r"), ("added", "1\r")]
    assert (first["line"], first["column"], first["bom"]) == (1, 1, side)
    assert first["expected"] != first["actual"] and first[side] == "\ufeff1\r"


@EVERY_MARK
def test_a_mark_moves_no_column_and_hides_no_other_difference(site: Site, client: Client, encoding: str) -> None:
    expected, actual = "Hello\n", "Hallo\n"
    output = add_compared_output(site, (expected * 9).encode(encoding), MARKS[encoding] + (expected * 8 + actual).encode(encoding))
    first_line = add_compared_output(site, MARKS[encoding] + expected.encode(encoding), MARKS[encoding] + actual.encode(encoding))

    found, at_once = triaged(client, output), triaged(client, first_line)

    assert (found["line"], found["column"], found["expected"], found["bom"]) == (9, 2, "Hello", "actual")
    assert (at_once["line"], at_once["column"], at_once["expected"], "bom" in at_once) == (1, 2, "Hello", False)
    assert changes(asked(client, first_line, "diff")) == [("removed", "Hello"), ("added", "Hallo")]


@EVERY_MARK
@pytest.mark.parametrize("format", ["base64", "text"])
def test_a_file_is_shown_with_its_mark(site: Site, client: Client, encoding: str, format: str) -> None:
    expected, actual = SUBTITLES.encode(encoding), MARKS[encoding] + SUBTITLES.encode(encoding)
    output = add_compared_output(site, expected, actual)

    shown = [asked(client, output, what, format=format) for what in ("expected", "actual")]

    read = {"base64": b64decode, "utf-8": str.encode}
    assert [read[each["encoding"]](each["content"]) for each in shown] == [expected, actual]
    assert {each["encoding"] for each in shown} == {"utf-8" if encoding == "utf-8" and format == "text" else "base64"}


@WIDE
def test_a_difference_far_into_a_file_of_utf_16_has_its_line_and_column(site: Site, client: Client, encoding: str) -> None:
    # Some of these characters have a newline's byte in them.
    line = "上😀 \u0a0d line\n"
    before = line * 20_000 + "😀上" * 3
    output = add_compared_output(
        site, MARKS[encoding] + (before + "old\n").encode(encoding), (before + "new\n").encode(encoding))

    found = triaged(client, output)

    assert (found["line"], found["column"], found["bom"]) == (20_001, 7, "expected")
    assert (found["expected"], found["actual"]) == ("😀上" * 3 + "old", "😀上" * 3 + "new")


def test_lines_of_utf_16_are_cut_between_characters(site: Site, client: Client) -> None:
    output = add_compared_output(site, b"", BOM_UTF16_LE + ("x" + "😀" * 1000 + "\n").encode("utf-16-le"))

    [line] = asked(client, output, "diff")["hunks"][0]["lines"]

    assert (line["text"], line["text_truncated"]) == ("x" + "😀" * 999, True)


ODD = {
    "an odd byte": SUBTITLES.encode("utf-16-le") + b"x", "half a pair": (SUBTITLES + "\ud83d").encode("utf-16-le", "surrogatepass"),
    "halves": BOM_UTF16_LE + "\udc00\ud800\n\ud83d".encode("utf-16-le", "surrogatepass"),
    "a mark": BOM_UTF16_LE, "a mark of utf-8": BOM_UTF8,
    "a mark and an odd byte": BOM_UTF16_BE + b"\xd8", "utf-32": SUBTITLES.encode("utf-32"), "few nuls": "你好\n".encode("utf-16-le"),
    "a binary": bytes(range(256)) * 40, "nuls": b"\0" * 100, "one nul": b"text\0\n", "empty": b"",
    "utf-16-be": SUBTITLES.encode("utf-16-be"),
    "utf-8": SUBTITLES.encode(), "cp1252": SUBTITLES.encode("cp1252"), "private": BOM_UTF16_LE + "\U0010f800\U0010ffff".encode("utf-16-le"),
    "a mark of utf-8 and cp1252": BOM_UTF8 + SUBTITLES.encode("cp1252")}


def test_each_file_is_compared_with_itself_and_with_two_others(site: Site, client: Client) -> None:
    for number, name in enumerate(ODD):
        check(site, client, name, [[*ODD, *ODD][number + distance] for distance in (0, 1, 6)])


@pytest.mark.verify
@pytest.mark.parametrize("name", ODD)
def test_any_two_files_are_compared(site: Site, client: Client, name: str) -> None:
    check(site, client, name, ODD)


def check(site: Site, client: Client, name: str, others: Iterable[str]) -> None:
    """Compare a file with others, and see what is said of them."""
    for other in others:
        output = add_compared_output(site, ODD[other], ODD[name])
        shown, unified = asked(client, output, "diff"), asked(client, output, "diff", format="unified")

        assert shown["status"] == unified["status"] == ("identical" if other == name else "different")
        assert all(output.get(client, what, format="text").status_code in (200, 204) for what in ("expected", "actual"))
        if other != name:
            first = triaged(client, output)
            assert first["expected"] != first["actual"]
            assert shown["summary"]["changed_hunks"] >= 1


def test_a_log_is_read_without_its_mark(site: Site, client: Client) -> None:
    output = add_compared_output(site, b"a", b"b")
    log = BOM_UTF8 + b"[2026-01-02 03:04:05] [ERROR] it failed\ncaf\xe9\n"
    (site.files / "LogFiles").mkdir(exist_ok=True)
    (site.files / "LogFiles" / f"{output.run_id}.txt").write_bytes(log)

    first, second = client.get(f"/api/v1/runs/{output.run_id}/logs").json()["data"]

    assert (first["level"], first["timestamp"], first["message"]) == (
        "error", "2026-01-02T03:04:05Z", "[2026-01-02 03:04:05] [ERROR] it failed")
    assert second["message"] == "café"
