"""What is taken out of a folder that a stranger's code has written."""
from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from api.worker.sources.executable_fetch import ExecutableNotFound, copy_executable

PLACE = ("out", "program")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    (made / "out").mkdir(parents=True)
    return made


def test_a_regular_file_becomes_a_program_of_its_own(folder: Path, tmp_path: Path) -> None:
    (folder / "out" / "program").write_bytes(b"\x7fELF")
    (folder / "out" / "program").chmod(0o600)

    copy_executable(folder, PLACE, tmp_path / "taken", 4)

    assert (tmp_path / "taken").read_bytes() == b"\x7fELF"
    assert stat.S_IMODE((tmp_path / "taken").stat().st_mode) == 0o755


def test_one_that_is_too_large_stays_where_it_is(folder: Path, tmp_path: Path) -> None:
    (folder / "out" / "program").write_bytes(b"\x7fELF!")

    with pytest.raises(ExecutableNotFound, match="more than 4 bytes"):
        copy_executable(folder, PLACE, tmp_path / "taken", 4)

    assert not (tmp_path / "taken").exists()


def test_nothing_is_taken_through_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (folder / "out" / "program").symlink_to(tmp_path / "secret")
    (folder / "away").symlink_to(tmp_path)
    (tmp_path / "link").symlink_to(folder)

    for place, parts in ((folder, PLACE), (folder, ("away", "secret")), (tmp_path, ("link", "out", "program"))):
        with pytest.raises(ExecutableNotFound, match="is a link"):
            copy_executable(place, parts, tmp_path / "taken", 100)


def test_what_is_no_regular_file_is_not_waited_for(folder: Path, tmp_path: Path) -> None:
    os.mkfifo(folder / "out" / "program")

    for parts in (PLACE, ("out",)):
        with pytest.raises(ExecutableNotFound, match="no regular file"):
            copy_executable(folder, parts, tmp_path / "taken", 100)


def test_what_is_not_there_is_said(folder: Path, tmp_path: Path) -> None:
    for parts in (PLACE, ("other", "program")):
        with pytest.raises(ExecutableNotFound, match="not there"):
            copy_executable(folder, parts, tmp_path / "taken", 100)


def test_what_was_taken_before_is_not_overwritten(folder: Path, tmp_path: Path) -> None:
    (folder / "out" / "program").write_bytes(b"new")
    (tmp_path / "taken").write_bytes(b"old")

    with pytest.raises(FileExistsError):
        copy_executable(folder, PLACE, tmp_path / "taken", 100)
