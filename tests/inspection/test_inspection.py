"""MediaInfo describes files in a process that may fail in any way."""
from __future__ import annotations

import sys
from pathlib import Path

import pytest

import api.demo
from api.domain.catalog.media_info import Unreadable, parse_media_info
from api.inspection import inspection
from api.inspection.inspection import inspect

MEDIA = Path(api.demo.__file__).parent / "media"
WAIT = "import time; time.sleep(3600)"


def program(text: str) -> tuple[str, ...]:
    """A program in MediaInfo's place."""
    return (sys.executable, "-S", "-c", text)


@pytest.mark.parametrize(("file", "kind"), [("evening.mkv", "Matroska"), ("museum.mp4", "MPEG-4"), ("harbour.srt", "SubRip")])
def test_a_media_file_is_described_under_the_name_that_is_given(file: str, kind: str) -> None:
    told = inspect(MEDIA / file, '/a"b.mkv')

    assert parse_media_info(told)["General"]["Format"] == kind
    assert b"""<media ref='/a"b.mkv'>""" in told


@pytest.mark.parametrize("content", [b"", b"\x00" * 100_000, b"\x1aE\xdf\xa3" + b"\xff" * 5000, b"<?xml version='1.0'?>" * 9])
def test_a_file_that_is_no_media_breaks_nothing(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file.mkv"
    file.write_bytes(content)

    try:
        told = inspect(file, "/file.mkv")
    except Unreadable:
        return

    assert "General" in parse_media_info(told)


@pytest.mark.parametrize("text", [
    "", "raise SystemExit(3)", "import os; os.abort()", "print('<a>' * 500_000)", "print('<!DOCTYPE a><a/>')", WAIT,
    f"import os, time; os.fork(); {WAIT}"])
def test_whatever_the_program_does_there_is_an_end_and_nothing_is_told(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(inspection, "PROGRAM", program(text))

    with pytest.raises(Unreadable):
        inspect(MEDIA / "harbour.srt", "/a.srt", seconds=1)


def test_the_program_can_open_nothing_once_it_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    trial = "from api.inspection.program import _restrict; _restrict()\ntry: open('/etc/hostname')\nexcept OSError as no: "
    monkeypatch.setattr(inspection, "PROGRAM", program(
        f"{trial}print('<MediaInfo><track type=\"General\"><Fault>', no.errno, '</Fault></track></MediaInfo>')"))

    told = inspect(MEDIA / "harbour.srt", "/a.srt")

    # Too many open files.
    assert parse_media_info(told)["General"]["Fault"] == "24"
