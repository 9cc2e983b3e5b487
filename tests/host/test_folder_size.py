"""How much of the disk a folder takes."""
from __future__ import annotations

import os
from pathlib import Path

from api.host.folder_size import is_larger


def test_a_folder_is_measured_with_all_below_it_and_nothing_outside(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_bytes(os.urandom(100_000))
    (tmp_path / "a" / "link").symlink_to("/usr")

    assert is_larger(tmp_path / "a", 90_000)
    assert not is_larger(tmp_path / "a", 200_000)


def test_holes_in_a_file_take_no_room(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 30)

    assert not is_larger(tmp_path, 1 << 20)


def test_a_folder_that_is_gone_takes_no_room(tmp_path: Path) -> None:
    assert not is_larger(tmp_path / "gone", 0)
