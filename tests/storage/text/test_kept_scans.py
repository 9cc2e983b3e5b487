"""What is known of a log is known of one version of it."""
from __future__ import annotations

from dataclasses import dataclass

from api.storage.text.kept_scans import MOST, KeptScans


@dataclass(frozen=True)
class Log:
    """A log of a version, of which nothing is read here."""

    version: str
    size: int = 1

    def read(self, start: int, length: int) -> bytes:
        return b""


@dataclass(frozen=True)
class Unversioned:
    """A log that does not say which it is."""

    size: int = 1

    def read(self, start: int, length: int) -> bytes:
        return b""


def test_what_was_found_is_known_until_the_log_is_another() -> None:
    kept = KeptScans[int]()
    before = kept.known(Log("a"))

    given = kept.keep(Log("a"), 1)

    assert (before, given, kept.known(Log("a")), kept.known(Log("b"))) == (None, 1, 1, None)


def test_of_a_log_without_a_version_nothing_is_known() -> None:
    kept = KeptScans[int]()

    assert kept.keep(Unversioned(), 1) == 1

    assert kept.known(Unversioned()) is None


def test_what_was_not_asked_for_lately_is_forgotten() -> None:
    kept = KeptScans[int]()
    kept.keep(Log("asked for"), 0)
    kept.keep(Log("never asked for"), 0)

    for number in range(MOST - 1):
        kept.keep(Log(str(number)), number)
        kept.known(Log("asked for"))

    assert kept.known(Log("never asked for")) is None
    assert [kept.known(Log(version)) for version in ("asked for", "0", str(MOST - 2))] == [0, 0, MOST - 2]
