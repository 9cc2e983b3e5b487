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


def counting(scanned: list[int]) -> int:
    """A scan that finds how many there were."""
    scanned.append(1)
    return len(scanned)


def test_a_version_is_scanned_once_for_each_subject() -> None:
    kept, scanned = KeptScans[int](), list[int]()

    found = [kept.find(Log(version), subject, lambda: counting(scanned)) for version, subject in (
        ("a", 0), ("a", 0), ("a", 1), ("b", 0), ("a", 0))]

    assert found == [1, 1, 2, 3, 1]


def test_what_a_scan_found_is_known_until_the_log_is_another() -> None:
    kept, scanned = KeptScans[int](), list[int]()
    before = kept.known(Log("a"), 0)

    kept.find(Log("a"), 0, lambda: counting(scanned))

    assert (before, kept.known(Log("a"), 0), kept.known(Log("b"), 0), kept.known(Unversioned(), 0)) == (None, 1, None, None)


def test_a_log_without_a_version_is_scanned_each_time() -> None:
    kept, scanned = KeptScans[int](), list[int]()

    for _ in range(2):
        kept.find(Unversioned(), 0, lambda: counting(scanned))

    assert len(scanned) == 2


def test_what_was_not_asked_for_lately_is_forgotten() -> None:
    kept, scanned = KeptScans[int](), list[int]()

    for number in (*range(MOST + 1), 0):
        kept.find(Log("a"), number, lambda: counting(scanned))

    assert len(scanned) == MOST + 2
