"""Projects are unpacked as they are, and hostile zips of every kind are refused."""
from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from api.domain.jobs.archive_check import ArchiveLimits, ZipRejected
from api.jobs.project.unpack import UnpackFailure, unpack
from api.jobs.project.zip_directory import check_zip
from tests.jobs.project.zips import HOSTILE, Part, crafted, honest

LIMITS = ArchiveLimits(entries=300, total_bytes=8 << 20, file_bytes=4 << 20, ratio=100)
# What only the content itself shows, and the directory does not.
SEEN_WHEN_UNPACKED = {"size", "checksum", "damaged", "header"}
USERS = pytest.mark.parametrize("user_id", [
    None, pytest.param(1_899_999_000, marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user"))])


def zipped(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "project.zip"
    path.write_bytes(content)
    return path


def workspace(tmp_path: Path, user_id: int | None) -> Path:
    folder = tmp_path / "closed" / "workspace"
    folder.mkdir(parents=True)
    if user_id is not None:
        os.chown(folder, user_id, user_id)
        folder.parent.chmod(0o700)
    return folder


def all_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@USERS
def test_a_project_is_unpacked_as_it_is(tmp_path: Path, user_id: int | None) -> None:
    files = {"README": b"words", "src/a.py": os.urandom(300_000), "src/deep/er/b.py": b"", "ä/ü.txt": "ö".encode()}
    folder = workspace(tmp_path, user_id)

    count = unpack(zipped(tmp_path, honest(files)), folder, LIMITS, user_id=user_id).files

    assert count == 4
    assert {name: (folder / name).read_bytes() for name in files} == files
    assert {path.stat().st_uid for path in folder.rglob("*")} == {os.geteuid() if user_id is None else user_id}


def test_programs_stay_programs_and_nothing_is_setuid(tmp_path: Path) -> None:
    parts = [Part("run.sh", mode=stat.S_IFREG | 0o4777), Part("notes", mode=stat.S_IFREG | 0o2666)]
    folder = workspace(tmp_path, None)

    unpack(zipped(tmp_path, crafted(parts)), folder, LIMITS, user_id=None)

    assert [stat.S_IMODE((folder / name).stat().st_mode) for name in ("run.sh", "notes")] == [0o755, 0o644]


def test_folders_without_files_are_made(tmp_path: Path) -> None:
    folder = workspace(tmp_path, None)

    unpack(zipped(tmp_path, honest({"empty/": b"", "a/b/": b"", "run": b""})), folder, LIMITS, user_id=None)

    assert all_below(folder) == ["a", "a/b", "empty", "run"]


@USERS
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_zip_is_refused_when_it_is_unpacked(kind: str, tmp_path: Path, user_id: int | None) -> None:
    make, rule = HOSTILE[kind]
    folder = workspace(tmp_path, user_id)
    before = all_below(tmp_path)

    with pytest.raises(ZipRejected) as refused:
        unpack(zipped(tmp_path, make()), folder, LIMITS, user_id=user_id)

    assert refused.value.rule == rule
    assert [path for path in all_below(tmp_path) if not path.startswith("closed/workspace/")] == [*before, "project.zip"]
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= LIMITS.total_bytes


@pytest.mark.parametrize("kind", [kind for kind, (_, rule) in HOSTILE.items() if rule not in SEEN_WHEN_UNPACKED])
def test_what_the_directory_shows_is_refused_before_anything_is_unpacked(kind: str, tmp_path: Path) -> None:
    make, rule = HOSTILE[kind]

    with pytest.raises(ZipRejected) as refused:
        check_zip(zipped(tmp_path, make()), LIMITS)

    assert refused.value.rule == rule


def test_an_endless_directory_is_not_read(tmp_path: Path) -> None:
    path = zipped(tmp_path, crafted([Part(f"file-{number}", deflated=False) for number in range(60_000)]))

    with pytest.raises(ZipRejected, match="more than 300 entries"):
        check_zip(path, LIMITS)


def test_a_bomb_in_a_bomb_is_a_file_like_any_other(tmp_path: Path) -> None:
    folder = workspace(tmp_path, None)
    inner = honest({"zeros": bytes(3 << 20)})

    unpack(zipped(tmp_path, honest({"inner.zip": inner})), folder, LIMITS, user_id=None)

    assert (folder / "inner.zip").read_bytes() == inner


def test_a_zip_of_the_large_format_is_taken(tmp_path: Path) -> None:
    large = ArchiveLimits(entries=70_000)
    folder = workspace(tmp_path, None)

    count = unpack(zipped(tmp_path, honest({f"f{number}": b"" for number in range(65_536)})), folder, large, user_id=None).files

    assert count == 65_536


def test_a_full_workspace_is_no_fault_of_the_zip(tmp_path: Path) -> None:
    folder = workspace(tmp_path, None)
    (folder / "a").mkdir()

    with pytest.raises(UnpackFailure, match="could not be unpacked"):
        unpack(zipped(tmp_path, honest({"a": b"x"})), folder, LIMITS, user_id=None)


def test_a_zip_that_takes_too_long_is_refused(tmp_path: Path) -> None:
    folder = workspace(tmp_path, None)

    with pytest.raises(ZipRejected, match="more than 0 seconds"):
        unpack(zipped(tmp_path, honest({"a": b"x"})), folder, LIMITS, user_id=None, seconds=0)
