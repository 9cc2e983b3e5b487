"""What was built is kept, by what it was made of."""
from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from api.worker.cancellation import Cancellation, Cancelled
from api.worker.sources.build_cache import BuildCache


def built(folder: Path, content: str) -> Path:
    path = folder / f"built-{content}"
    path.write_text(content)
    return path


def test_what_was_kept_is_taken_as_a_program_of_its_own(tmp_path: Path) -> None:
    cache, target = BuildCache(tmp_path / "builds"), tmp_path / "executable"
    cache.keep(("commit", "tree"), built(tmp_path, "one"))

    assert cache.take(("commit", "tree"), target)
    target.write_text("changed")

    assert os.access(target, os.X_OK)
    assert cache.take(("commit", "tree"), tmp_path / "another")
    assert (tmp_path / "another").read_text() == "one"


def test_nothing_is_taken_for_anything_else(tmp_path: Path) -> None:
    cache, target = BuildCache(tmp_path / "builds"), tmp_path / "executable"
    cache.keep(("a", "bc"), built(tmp_path, "one"))

    assert not cache.take(("ab", "c"), target)
    assert not target.exists()


def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    cache = BuildCache(tmp_path / "builds", max_kept=2)
    for age, name in enumerate(("new", "old")):
        cache.keep((name,), built(tmp_path, name))
        for path in (tmp_path / "builds").iterdir():
            os.utime(path, (1000 - age, 1000 - age))
    cache.take(("old",), tmp_path / "used")
    cache.keep(("newest",), built(tmp_path, "newest"))

    assert [cache.take((name,), tmp_path / f"taken-{name}") for name in ("new", "old", "newest")] == [False, True, True]


@pytest.mark.parametrize("kept", [True, False])
def test_a_host_that_can_keep_nothing_builds_again(tmp_path: Path, kept: bool) -> None:
    (tmp_path / "builds").write_text("no folder")
    cache = BuildCache(tmp_path / "builds")
    if kept:
        cache.keep(("commit",), built(tmp_path, "one"))

    assert not cache.take(("commit",), tmp_path / "executable")
    assert sorted(path.name for path in tmp_path.iterdir()) == (["builds", "built-one"] if kept else ["builds"])


def test_the_same_is_made_by_one_worker_at_a_time(tmp_path: Path) -> None:
    first, second = (BuildCache(tmp_path / "builds") for _ in range(2))
    entered: list[str] = []
    waits = threading.Event()

    def take() -> None:
        with second.locked(("commit",), Cancellation(threading.Event()), waits.set):
            entered.append("taken" if second.take(("commit",), tmp_path / "taken") else "missing")

    other = threading.Thread(target=take)
    with first.locked(("commit",), Cancellation(threading.Event())):
        other.start()
        assert waits.wait(60)
        before = list(entered)
        first.keep(("commit",), built(tmp_path, "one"))
    other.join(60)

    assert (before, entered) == ([], ["taken"])


def test_who_waits_for_a_build_can_be_stopped(tmp_path: Path) -> None:
    cache, stopped = BuildCache(tmp_path / "builds"), threading.Event()
    stopped.set()

    with cache.locked(("commit",), Cancellation(threading.Event())):
        with pytest.raises(Cancelled):
            with cache.locked(("commit",), Cancellation(stopped)):
                pytest.fail("two have the lock")


def test_other_builds_do_not_wait_and_locks_are_not_kept_for_each(tmp_path: Path) -> None:
    cache, stopped = BuildCache(tmp_path / "builds", max_kept=2), threading.Event()
    stopped.set()

    with cache.locked(("commit",), Cancellation(threading.Event())), cache.locked(("another",), Cancellation(stopped)):
        for name in "abc":
            cache.keep((name,), built(tmp_path, name))

    kept = sorted(path.suffix for path in (tmp_path / "builds").iterdir())
    assert kept == ["", "", ".lock", ".lock"]


def test_a_host_that_can_keep_nothing_has_no_locks(tmp_path: Path) -> None:
    (tmp_path / "builds").write_text("no folder")

    with BuildCache(tmp_path / "builds").locked(("commit",), Cancellation(threading.Event())):
        assert (tmp_path / "builds").is_file()
