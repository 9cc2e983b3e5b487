"""What was built is kept, by what it was made of."""
from __future__ import annotations

import os
from pathlib import Path

import pytest

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
