"""The caches of packages of a host's accounts and slots."""
from __future__ import annotations

import os
from pathlib import Path

import pytest

from api.host.slots import Slot
from api.jobs.project.package_caches import PackageCaches
from tests.parts import lacking

SIZE = 1 << 20
SLOT = Slot(0, None, -1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "caches"


def opened(root: Path, owner_id: int, slot: Slot = SLOT, most: int = 2) -> Path:
    """A cache, as if it had last been used so many seconds after the beginning as its account's number says."""
    found = PackageCaches(root, most=most, size=SIZE).open(owner_id, slot)
    assert found is not None
    os.utime(found, (owner_id, owner_id))
    return found


def test_an_account_finds_in_its_slot_what_it_left_there(root: Path) -> None:
    (opened(root, 1) / "wheel").write_text("kept")

    assert (opened(root, 1) / "wheel").read_text() == "kept"


def test_neither_another_account_nor_another_slot_has_the_same_cache(root: Path) -> None:
    places = {opened(root, 1), opened(root, 2), opened(root, 1, Slot(1, None, -1))}

    assert len(places) == 3


def test_nobody_else_may_enter_a_cache(root: Path) -> None:
    cache = opened(root, 1)

    assert [place.stat().st_mode & 0o077 for place in (cache, *cache.parents[:2])] == [0, 0, 0]


def test_a_cache_belongs_to_the_user_of_its_slot(root: Path) -> None:
    if os.geteuid():
        lacking("only root can give folders away")

    assert opened(root, 1, Slot(0, 1_800_000_001, -1)).stat().st_uid == 1_800_000_001


def test_the_caches_that_were_used_last_are_kept(root: Path) -> None:
    for owner_id in (1, 3, 2):
        opened(root, owner_id)

    opened(root, 4)

    assert sorted(place.name for place in (root / "0").iterdir()) == ["3", "4"]


def test_other_slots_caches_are_left_alone(root: Path) -> None:
    kept = [opened(root, 1, Slot(1, None, -1)), opened(root, 2, Slot(1, None, -1))]

    for owner_id in (3, 4, 5):
        opened(root, owner_id)

    assert [place.is_dir() for place in kept] == [True, True]


def test_a_cache_that_grew_too_large_is_emptied(root: Path) -> None:
    (opened(root, 1) / "wheel").write_bytes(bytes(SIZE + 1))

    assert list(opened(root, 1).iterdir()) == []


def test_where_none_are_kept_there_is_none(root: Path) -> None:
    assert PackageCaches(root, most=0, size=SIZE).open(1, SLOT) is None
    assert not root.exists()


def test_a_job_goes_on_without_a_cache_where_none_can_be_made(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    root.write_text("a file is in its way")

    assert PackageCaches(root, most=2, size=SIZE).open(1, SLOT) is None
    assert "there is no cache of packages" in caplog.text
