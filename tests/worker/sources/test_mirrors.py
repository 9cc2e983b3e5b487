"""Repositories that are kept on a host: one process at a time, and not too many."""
from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from api.worker.cancellation import Cancellation, Cancelled, CancelReason
from api.worker.sources.mirrors import MAX_PACKS, Mirrors


def never() -> Cancellation:
    return Cancellation(threading.Event())


def use(mirrors: Mirrors, address: str, used_at: int) -> Path:
    """Keep a repository, last used at a time."""
    with mirrors.locked(address, never()) as place:
        place.mkdir(exist_ok=True)
        (place / "HEAD").touch()
    os.utime(place.with_suffix(".lock"), (used_at, used_at))
    return place


def test_each_address_has_a_place_of_its_own_that_stays_the_same(tmp_path: Path) -> None:
    mirrors = Mirrors(tmp_path / "kept")

    first, second = (use(mirrors, f"https://example.org/{name}.git", 1) for name in ("a", "../../b"))

    assert first != second and first.parent == second.parent == tmp_path / "kept"
    assert use(mirrors, "https://example.org/a.git", 2) == first


def test_those_that_were_longest_not_used_are_removed(tmp_path: Path) -> None:
    mirrors = Mirrors(tmp_path, max_kept=2)
    first, second = use(mirrors, "a", 100), use(mirrors, "b", 200)
    use(mirrors, "a", 300)

    third = use(mirrors, "c", 400)

    assert [place.exists() for place in (first, second, third)] == [True, False, True]


def test_one_that_is_in_use_is_not_removed(tmp_path: Path) -> None:
    mirrors = Mirrors(tmp_path, max_kept=1)
    place = use(mirrors, "a", 100)

    with mirrors.locked("a", never()):
        os.utime(place.with_suffix(".lock"), (100, 100))
        use(mirrors, "b", 200)

    assert place.exists()


def test_who_waits_for_one_that_is_in_use_can_be_stopped(tmp_path: Path) -> None:
    mirrors, cancellation = Mirrors(tmp_path), never()
    cancellation.cancel(CancelReason.RUN_CLOSED)

    with mirrors.locked("a", never()):
        with pytest.raises(Cancelled):
            with mirrors.locked("a", cancellation):
                raise AssertionError("two held it at once")


def test_a_repository_in_too_many_pieces_is_begun_anew(tmp_path: Path) -> None:
    mirrors = Mirrors(tmp_path)
    place = use(mirrors, "a", 100)
    packs = place / "objects" / "pack"
    packs.mkdir(parents=True)
    for number in range(MAX_PACKS + 1):
        (packs / f"pack-{number}.pack").touch()

    with mirrors.locked("a", never()):
        assert not place.exists()
