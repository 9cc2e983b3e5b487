"""Which zip files are refused on sight of their directory."""
from __future__ import annotations

import stat
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.jobs.archive_check import ArchiveEntry, ArchiveLimits, ZipRejected, archive_limits, check_archive, path_of

LIMITS = ArchiveLimits(entries=10, total_bytes=10 << 20, file_bytes=4 << 20, ratio=100, depth=4, path_bytes=100, name_bytes=20)
FAR = 1 << 30


def an_entry(name: str = "a.py", *, size: int = 10, compressed: int = 8, offset: int = 0, **other: int) -> ArchiveEntry:
    return replace(ArchiveEntry(name, size, compressed, 8, 0, stat.S_IFREG | 0o644, offset), **other)


def a_folder(name: str, *, offset: int = 0) -> ArchiveEntry:
    return ArchiveEntry(name, 0, 0, 0, 0, stat.S_IFDIR | 0o755, offset)


def rule(*entries: ArchiveEntry, directory_offset: int = FAR) -> str:
    with pytest.raises(ZipRejected) as refused:
        check_archive(entries, directory_offset, LIMITS)
    return refused.value.rule


def test_an_ordinary_project_is_taken() -> None:
    entries = [
        a_folder("src/"), an_entry("src/run.sh", offset=100, mode=stat.S_IFREG | 0o755), an_entry("./README", offset=200, mode=0)]

    paths = check_archive(entries, FAR, LIMITS)

    assert list(paths) == [("src",), ("src", "run.sh"), ("README",)]
    assert [entry.is_program for entry in paths.values()] == [True, True, False]


@pytest.mark.parametrize("entries", [
    [], [a_folder("src/")], [a_folder("./")], [a_folder("src/"), a_folder("src/tests/", offset=100)]])
def test_a_zip_without_a_file_is_refused(entries: list[ArchiveEntry]) -> None:
    assert rule(*entries) == "empty"


def test_a_zip_of_one_file_without_a_byte_is_taken() -> None:
    assert list(check_archive([an_entry(size=0, compressed=2)], FAR, LIMITS)) == [("a.py",)]


def test_too_many_entries_are_refused() -> None:
    assert rule(*(an_entry(f"f{number}", offset=100 * number) for number in range(11))) == "entries"


@pytest.mark.parametrize("flags", [1, 1 << 6, 1 << 13])
def test_an_encrypted_zip_is_refused(flags: int) -> None:
    assert rule(an_entry(flags=flags)) == "encrypted"


@pytest.mark.parametrize("other", [{"method": 12}, {"method": 14}, {"flags": 1 << 5}])
def test_other_ways_of_compressing_are_refused(other: dict[str, int]) -> None:
    assert rule(an_entry(**other)) == "method"


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK, stat.S_IFDIR])
def test_a_file_that_is_no_plain_file_is_refused(kind: int) -> None:
    assert rule(an_entry(mode=kind | 0o777)) == "link"


def test_a_folder_with_content_is_refused() -> None:
    assert rule(replace(a_folder("src/"), size=5, compressed=5)) == "folder_with_content"


def test_a_stored_file_of_two_sizes_is_refused() -> None:
    assert rule(an_entry(method=0, size=10, compressed=8)) == "size"


def test_a_file_that_is_too_large_is_refused() -> None:
    assert rule(an_entry(size=(4 << 20) + 1, compressed=1 << 20)) == "file_size"


def test_files_that_are_too_large_together_are_refused() -> None:
    assert rule(*(an_entry(f"f{n}", size=4 << 20, compressed=1 << 20, offset=n << 21) for n in range(3))) == "total_size"


def test_a_file_that_expands_too_far_is_refused() -> None:
    assert rule(an_entry(size=2 << 20, compressed=(2 << 20) // 101)) == "ratio"


def test_a_small_file_may_expand_as_far_as_it_likes() -> None:
    assert check_archive([an_entry(size=1 << 20, compressed=20)], FAR, LIMITS)


def test_files_that_share_their_content_are_refused() -> None:
    assert rule(an_entry("a", compressed=1000), an_entry("b", offset=1000)) == "overlap"


def test_a_file_that_reaches_into_the_directory_is_refused() -> None:
    assert rule(an_entry(compressed=100), directory_offset=129) == "overlap"


@pytest.mark.parametrize("name", ["/etc/passwd", "a\\b", "C:file", "c:/x", "a\0b", "a\nb", "../x", "a/../../x", "a/..", ".."])
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    assert rule(an_entry(name)) == "name"


@pytest.mark.parametrize("name", ["1/2/3/4/5", "x/" * 4 + "y", "ä" * 11, "/".join(["é" * 10] * 4) + "x" * 40])
def test_a_name_that_is_too_long_or_too_deep_is_refused(name: str) -> None:
    assert rule(an_entry(name)) == "name"


def test_a_file_without_a_name_is_refused() -> None:
    assert rule(an_entry("")) == "name"


@pytest.mark.parametrize("twice", ["a.py", "./a.py", ".//a.py"])
def test_two_files_of_the_same_name_are_refused(twice: str) -> None:
    assert rule(an_entry("a.py"), an_entry(twice, offset=100)) == "duplicate"


def test_a_file_that_is_also_a_folder_is_refused() -> None:
    assert rule(an_entry("a"), an_entry("a/b/c", offset=100)) == "duplicate"


def test_what_the_zip_says_never_stands_in_the_message() -> None:
    with pytest.raises(ZipRejected) as refused:
        check_archive([an_entry("../SECRET")], FAR, LIMITS)

    assert "SECRET" not in str(refused.value) + str(refused.value.details)


@given(st.text())
def test_whatever_the_name_its_path_stays_inside(name: str) -> None:
    try:
        parts = path_of(name, LIMITS)
    except (ZipRejected, UnicodeEncodeError):
        return

    assert all(part not in ("", ".", "..") and "/" not in part and "\0" not in part for part in parts)


@pytest.mark.parametrize("name", ["__MACOSX/._a.py", "._a.py", "src/._a.py", "src/__MACOSX/x"])
def test_what_macos_adds_is_left_out(name: str) -> None:
    entries = [an_entry("a.py"), an_entry(name, offset=100)]

    assert list(check_archive(entries, FAR, LIMITS)) == [("a.py",)]


def test_a_zip_may_unpack_to_four_times_what_it_may_have_itself() -> None:
    assert archive_limits(100 << 20) == replace(ArchiveLimits(), total_bytes=400 << 20)
