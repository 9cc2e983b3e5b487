"""The demo's project for the job service: a small library with tests, one of which finds a bug."""
from __future__ import annotations

from pathlib import Path

FOLDER = "project"

CAPTIONS = '''"""Reads SubRip captions and moves them in time."""
import re
from typing import NamedTuple

TIMES = re.compile(r"(\\d+):(\\d\\d):(\\d\\d),(\\d{3}) --> (\\d+):(\\d\\d):(\\d\\d),(\\d{3})")


class Cue(NamedTuple):
    """What is shown, and from when to when, in milliseconds."""

    start: int
    end: int
    text: str


def parse(text):
    """The cues of a SubRip text."""
    cues = []
    for block in text.strip().split("\\n\\n"):
        _, times, *lines = block.splitlines()
        values = [int(each) for each in TIMES.match(times).groups()]
        start, end = (((h * 60 + m) * 60 + s) * 1000 + ms for h, m, s, ms in (values[:4], values[4:]))
        cues.append(Cue(start, end, "\\n".join(lines)))
    return cues


def shift(cues, by):
    """All cues, moved by so many milliseconds; none begins before the film does."""
    return [Cue(max(0, cue.start + by), cue.end + by, cue.text) for cue in cues if cue.end + by > 0]
'''

TESTS = '''"""Tests of captions.py."""
import pytest

from captions import Cue, parse, shift

HARBOUR = """1
00:00:01,001 --> 00:00:03,250
The Marguerite left the harbour

2
00:00:03,500 --> 00:00:05,000
before the tide had turned.
"""


def test_cues_are_read_with_their_times():
    assert parse(HARBOUR)[0] == Cue(1001, 3250, "The Marguerite left the harbour")


def test_a_shift_moves_both_times():
    assert shift(parse(HARBOUR), 500)[0] == Cue(1501, 3750, "The Marguerite left the harbour")


def test_a_shift_keeps_how_long_a_cue_is_shown():
    for before, after in zip(parse(HARBOUR), shift(parse(HARBOUR), -2000)):
        assert after.end - after.start == before.end - before.start


@pytest.mark.parametrize("by", [-10_000, -3250])
def test_what_would_end_before_the_film_begins_is_left_out(by):
    assert len(shift(parse(HARBOUR), by)) < 2
'''

FILM = '''"""A film's captions, as slowly as a viewer sees them, ten times as fast; long enough to watch, to leave and to come back."""
import time

import pytest

from captions import Cue, shift

FILM = [Cue(start, start + 1500, f"caption {number}") for number, start in enumerate(range(0, 60_000, 2500), 1)]


@pytest.mark.parametrize("cue", FILM, ids=lambda cue: cue.text.replace(" ", "-"))
def test_a_cue_stands_where_it_stood_after_a_shift_and_back(cue):
    time.sleep(0.25)
    assert shift(shift([cue], 700), -700) == [cue]
'''

FILES = {"captions.py": CAPTIONS, "tests/test_captions.py": TESTS, "tests/test_film.py": FILM}


def write_project(folder: Path) -> Path:
    """Write the project into a folder, where the user's own changes to it are kept; return the project's folder."""
    project = folder / FOLDER
    for name, content in FILES.items():
        file = project / name
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8")
    return project
