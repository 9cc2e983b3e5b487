"""Slots are held by one at a time, in whichever process."""
from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from api.host.slots import Slots
from api.host.work_folder import work_folder


def test_each_slot_has_a_number_and_a_user_of_its_own(tmp_path: Path) -> None:
    slots = Slots(tmp_path / "slots", count=3, first_user=5000)

    acquire = [slots.take() for _ in range(4)]

    assert [each and each.number for each in acquire] == [0, 1, 2, None]
    if os.geteuid() == 0:
        assert [each.user_id for each in acquire if each] == [5000, 5001, 5002]
    for each in acquire:
        if each:
            each.release()


def test_a_slot_that_is_let_go_is_free_again(tmp_path: Path) -> None:
    slots = Slots(tmp_path, count=1)

    with slots.acquire() as first, slots.acquire() as second:
        assert (first is not None, second) == (True, None)
    with slots.acquire() as third:
        assert third is not None


def test_a_slot_is_held_until_the_last_descriptor_is_closed(tmp_path: Path) -> None:
    slots = Slots(tmp_path, count=1)
    slot = slots.take()
    assert slot is not None
    handed_on = os.dup(slot.lock)

    slot.release()
    slot.release()
    held = slots.take()
    os.close(handed_on)

    assert held is None
    with slots.acquire() as free:
        assert free is not None


def test_the_work_folder_is_ours_alone(tmp_path: Path) -> None:
    folder = work_folder(tmp_path / "a" / "work")

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert work_folder(folder) == folder


def test_a_link_is_no_work_folder(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)

    with pytest.raises(PermissionError, match="somebody else"):
        work_folder(tmp_path / "link")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes folders of others")
def test_anothers_folder_is_no_work_folder(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    os.chown(folder, 12345, 12345)

    with pytest.raises(PermissionError, match="somebody else"):
        work_folder(folder)
