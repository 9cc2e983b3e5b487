"""The first differences of many files, where some cannot be had."""
from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import cast

import pytest

from api.domain.errors import Unavailable
from api.domain.results.triage import NoDifference
from api.services.results.first_differences import DifferenceFinder, Pair
from api.storage.files.archive import Archive

PAIR = Pair(1, "TestResults/a.srt", "TestResults/b.srt")


class Opening:
    """An archive in as much as a difference asks for files."""

    def __init__(self, open_file: Callable[[], object]) -> None:
        self._open_file = open_file

    def open(self, _name: str) -> None:
        """Do what this archive does in place of opening a file; none is there."""
        self._open_file()


def be_away() -> None:
    """Say that a store does not answer."""
    raise Unavailable("away")


@pytest.mark.parametrize(("open_file", "reason"), [(be_away, NoDifference.STORE_UNAVAILABLE), (lambda: None, NoDifference.FILE_MISSING)])
def test_a_difference_that_cannot_be_seen_has_a_reason(open_file: Callable[[], object], reason: NoDifference) -> None:
    found = DifferenceFinder().find([PAIR], cast(Archive, Opening(open_file)))

    assert found == {PAIR: reason}


def test_what_is_not_found_in_time_says_so() -> None:
    is_finished = Event()

    found = DifferenceFinder(seconds=0).find([PAIR], cast(Archive, Opening(lambda: is_finished.wait(30))))
    is_finished.set()

    assert found == {PAIR: NoDifference.TIME_LIMIT}
