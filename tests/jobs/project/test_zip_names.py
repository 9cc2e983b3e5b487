"""Zip files of the programs that people use keep their names, and what macOS adds to them is left out."""
from __future__ import annotations

import struct
import subprocess
import unicodedata
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.jobs.archive_check import ArchiveLimits, ZipRejected
from api.jobs.project.unpack import unpack
from api.jobs.project.zip_directory import check_zip, entry_name
from tests.parts import need

LIMITS = ArchiveLimits()
NAMES = ("tests/été.txt", "tests/a blank.txt", "tests/\N{PARTY POPPER}.txt", "tests/test_a.py")
DOS, UNIX, NTFS, MACOS = 0, 3, 10, 19
UTF8_FLAG = 0x800
# The letter and its accent as two characters.
APART = unicodedata.normalize("NFD", "é.txt")


def zip_of(*entries: tuple[bytes, int, int, bytes], content: bytes = b"x") -> bytes:
    """A zip of stored files; each is its raw name, the system that made it, its flags and its extra field in the directory."""
    body = lines = b""
    for name, system, flags, extra in entries:
        numbers = (zlib.crc32(content), len(content), len(content), len(name))
        lines += struct.pack("<4s6H3L5H2L", b"PK\1\2", system << 8 | 20, 20, flags, 0, 0, 0, *numbers, len(extra), 0, 0, 0, 0, len(body))
        lines += name + extra
        body += struct.pack("<4s5H3L2H", b"PK\3\4", 20, flags, 0, 0, 0, *numbers, 0) + name + content
    return body + lines + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(entries), len(entries), len(lines), len(body), 0)


def unicode_path(raw: bytes, name: str, checksum: int | None = None) -> bytes:
    content = b"\1" + struct.pack("<L", zlib.crc32(raw) if checksum is None else checksum) + name.encode()
    return struct.pack("<2H", 0x7075, len(content)) + content


def names_in(tmp_path: Path, content: bytes) -> list[str]:
    path = tmp_path / "project.zip"
    path.write_bytes(content)
    return ["/".join(parts) for parts in check_zip(path, LIMITS)]


@pytest.mark.parametrize(("entry", "name"), [
    pytest.param(("é.txt".encode(), UNIX, UTF8_FLAG, b""), "é.txt", id="flag"),
    pytest.param(("\N{PARTY POPPER}.txt".encode(), DOS, UTF8_FLAG, b""), "\N{PARTY POPPER}.txt", id="flag from DOS"),
    pytest.param((b"\x82.txt", UNIX, 0, unicode_path(b"\x82.txt", "é.txt")), "é.txt", id="Info-ZIP"),
    pytest.param(("é.txt".encode(), UNIX, 0, unicode_path("é.txt".encode(), "é.txt")), "é.txt", id="Info-ZIP with UTF-8"),
    pytest.param(
        (b"#U1f389.txt", UNIX, 0, unicode_path(b"#U1f389.txt", "\N{PARTY POPPER}.txt")), "\N{PARTY POPPER}.txt", id="Info-ZIP escape"),
    pytest.param((b"new.txt", UNIX, 0, unicode_path(b"old.txt", "old.txt")), "new.txt", id="renamed by another program"),
    pytest.param(("é.txt".encode(), UNIX, 0, b""), "é.txt", id="nothing marked"),
    pytest.param((APART.encode(), UNIX, 0, b""), "é.txt", id="macOS"),
    pytest.param((APART.encode(), UNIX, UTF8_FLAG, b""), APART, id="apart on purpose"),
    pytest.param((b"\x82.txt", DOS, 0, b""), "é.txt", id="code page"),
    pytest.param((b"\x82.txt", UNIX, 0, b"\x55\x54\x05\x00\x03"), "é.txt", id="cut off extra"),
    pytest.param((b"tests\\test_a.py", DOS, 0, b""), "tests/test_a.py", id="PowerShell 5.1"),
    pytest.param((b"tests\\test_a.py", NTFS, 0, b""), "tests/test_a.py", id="NTFS"),
    pytest.param(("\\é".encode(), DOS, UTF8_FLAG, b""), None, id="absolute with backslashes"),
    pytest.param((b"tests\\..\\..\\x", DOS, 0, b""), None, id="out of the folder with backslashes"),
    pytest.param((b"C:\\x", DOS, 0, b""), None, id="drive"),
    pytest.param((b"a\\b", UNIX, 0, b""), None, id="backslash of Unix"),
    pytest.param((b"\xff.txt", UNIX, UTF8_FLAG, b""), None, id="flag that lies"),
    pytest.param((b"x", UNIX, 0, unicode_path(b"x", "../x")), None, id="out of the folder by the extra field"),
])
def test_a_name_is_read_as_the_program_meant_it_that_made_the_zip(
    tmp_path: Path, entry: tuple[bytes, int, int, bytes], name: str | None,
) -> None:
    content = zip_of(entry)

    if name is None:
        with pytest.raises(ZipRejected, match="name") as refused:
            names_in(tmp_path, content)
        assert refused.value.rule == "name"
    else:
        assert names_in(tmp_path, content) == [name]


def test_a_backslash_is_named_where_a_zip_is_refused_for_it(tmp_path: Path) -> None:
    with pytest.raises(ZipRejected, match="backslash"):
        names_in(tmp_path, zip_of((b"tests\\test_a.py", UNIX, 0, b"")))


def test_what_macos_adds_is_left_out(tmp_path: Path) -> None:
    names = [b"a.py", b"__MACOSX/", b"__MACOSX/._a.py", b"src/._b.py", b"src/b.py", b"__MACOSX/src/._b.py"]
    entries = [(name, MACOS, 0, b"") for name in names if not name.endswith(b"/")]
    folder = tmp_path / "workspace"
    folder.mkdir()
    (tmp_path / "project.zip").write_bytes(zip_of(*entries))

    unpacked = unpack(tmp_path / "project.zip", folder, LIMITS, user_id=None)

    assert unpacked.files == 2
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) == ["a.py", "src", "src/b.py"]


@given(raw=st.binary(max_size=40), is_utf8=st.booleans(), extra=st.binary(max_size=40), system=st.integers(0, 255))
def test_any_bytes_are_a_name_or_refused(raw: bytes, is_utf8: bool, extra: bytes, system: int) -> None:
    try:
        name = entry_name(raw, is_utf8=is_utf8, extra=extra, system=system)
    except ZipRejected as refused:
        assert is_utf8 or extra
        assert refused.rule == "name"
    else:
        assert name.encode().decode() == name


def by_info_zip(project: Path, target: Path) -> None:
    subprocess.run(["zip", "-qr", str(target), "."], cwd=project, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}, check=True)


def by_7zip(project: Path, target: Path) -> None:
    subprocess.run(
        ["7z", "a", "-bso0", str(target), "."], cwd=project, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}, check=True)


def by_git(project: Path, target: Path) -> None:
    git = ["git", "-C", str(project), "-c", "user.name=a", "-c", "user.email=a@b.test"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"], ["archive", "-o", str(target), "HEAD"]):
        subprocess.run([*git, *words], check=True)


def by_python(project: Path, target: Path) -> None:
    subprocess.run(["python3", "-m", "zipfile", "-c", str(target), "tests"], cwd=project, check=True)


@pytest.mark.parametrize(("program", "make"), [
    ("/usr/bin/zip", by_info_zip), ("/usr/bin/7z", by_7zip), ("/usr/bin/git", by_git), ("/bin/sh", by_python)])
def test_real_programs_keep_their_names(tmp_path: Path, program: str, make: Callable[[Path, Path], None]) -> None:
    need(program)
    project = tmp_path / "project"
    (project / "tests").mkdir(parents=True)
    for name in NAMES:
        (project / name).write_text("x")
    folder = tmp_path / "workspace"
    folder.mkdir()

    make(project, tmp_path / "project.zip")
    unpack(tmp_path / "project.zip", folder, LIMITS, user_id=None)

    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()) == sorted(NAMES)
