"""A project as a zip file."""
from __future__ import annotations

import io
import os
import random
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from api.domain.jobs.archive_check import ArchiveLimits
from api.jobs.project.zip_directory import check_zip
from ci_client.errors import CiError
from ci_client.project_files import project_files
from ci_client.project_zip import is_suspiciously_compressible, write_project_zip
from tests.ci_client.projects import make_project

MIB = 1 << 20


def zip_of(folder: Path) -> bytes:
    target = io.BytesIO()
    write_project_zip(folder, project_files(folder, lambda text: None), target)
    return target.getvalue()


def test_the_zip_has_the_files_with_their_content(tmp_path: Path) -> None:
    make_project(tmp_path, {"a.py": "a = 1\n", "sub/größe.py": "b = 2\n", "empty": ""})

    with zipfile.ZipFile(io.BytesIO(zip_of(tmp_path))) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "a.py": b"a = 1\n", "empty": b"", "sub/größe.py": b"b = 2\n"}


def test_the_same_files_make_the_same_bytes(tmp_path: Path) -> None:
    make_project(tmp_path / "one", {"a.py": "a = 1\n", "b.py": "b = 2\n"})
    make_project(tmp_path / "two", {"b.py": "b = 2\n", "a.py": "a = 1\n"})
    os.utime(tmp_path / "two/a.py", (0, 0))

    assert zip_of(tmp_path / "one") == zip_of(tmp_path / "two")


@pytest.mark.parametrize(("mode", "expected"), [(0o755, 0o755), (0o700, 0o755), (0o644, 0o644), (0o600, 0o644)])
def test_programs_stay_programs(tmp_path: Path, mode: int, expected: int) -> None:
    make_project(tmp_path, {"run.sh": "#!/bin/sh\n"})
    (tmp_path / "run.sh").chmod(mode)

    with zipfile.ZipFile(io.BytesIO(zip_of(tmp_path))) as archive:
        assert archive.getinfo("run.sh").external_attr >> 16 == 0o100000 | expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [(bytes(2 * MIB), True), (bytes(MIB), False), (random.Random(1).randbytes(2 * MIB), False),
     (random.Random(1).randbytes(MIB // 8) + bytes(2 * MIB), False), (bytes(4 * MIB) + random.Random(1).randbytes(1000), True)],
    ids=["zeros", "few zeros", "noise", "noise before zeros", "noise behind zeros"])
def test_only_large_files_that_shrink_too_far_are_sent_as_they_are(content: bytes, expected: bool) -> None:
    assert is_suspiciously_compressible(io.BytesIO(content), len(content)) is expected


def test_what_is_sent_is_what_the_server_takes(tmp_path: Path) -> None:
    make_project(tmp_path, {"a.py": "a = 1\n", "sub/größe.py": "", "wide.txt": "x" * (MIB // 2)})
    (tmp_path / "zeros.bin").write_bytes(bytes(4 * MIB))
    (tmp_path / "project.zip").write_bytes(zip_of(tmp_path))

    taken = check_zip(tmp_path / "project.zip", ArchiveLimits())

    assert sorted("/".join(path) for path in taken) == ["a.py", "sub/größe.py", "wide.txt", "zeros.bin"]


@pytest.mark.parametrize("name", ["back\\slash.py", "new\nline.py", "C:file.py"])
def test_a_name_that_the_server_does_not_take_is_said_before_anything_is_sent(tmp_path: Path, name: str) -> None:
    make_project(tmp_path, {name: ""})

    with pytest.raises(CiError, match="has a name that the server does not take"):
        zip_of(tmp_path)


def test_a_name_that_is_not_utf_8_is_said(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.py")).touch()

    with pytest.raises(CiError, match="caf.*has a name that is not UTF-8"):
        zip_of(tmp_path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(CiError, match=r"gone\.py cannot be sent: No such file"):
        write_project_zip(tmp_path, [PurePosixPath("gone.py")], io.BytesIO())


def test_a_link_that_took_a_files_place_is_not_followed(tmp_path: Path) -> None:
    make_project(tmp_path, {"a.py": ""})
    (tmp_path / "b.py").symlink_to("a.py")

    with pytest.raises(CiError, match=r"b\.py cannot be sent"):
        write_project_zip(tmp_path, [PurePosixPath("b.py")], io.BytesIO())


def test_a_pipe_that_took_a_files_place_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(CiError, match="pipe cannot be sent: it is no ordinary file any more"):
        write_project_zip(tmp_path, [PurePosixPath("pipe")], io.BytesIO())
