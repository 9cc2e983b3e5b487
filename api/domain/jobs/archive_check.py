"""Which zip files are accepted, decided by their directory before anything is unpacked."""
from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from api.domain.errors import Unprocessable

STORED, DEFLATED = 0, 8
ENCRYPTED, PATCHED, STRONG, MASKED = 1, 1 << 5, 1 << 6, 1 << 13
LOCAL_HEADER_BYTES = 30
SMALL_ENOUGH = 1 << 20
# How many times the largest size of a zip it may unpack to.
UNPACKED = 4
_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class ZipRejected(Unprocessable):
    """A zip file that is not safe to unpack, or is none. `rule` names what it breaks; no name from the file stands in the message."""

    remedy = "Send a plain zip of the project: files and folders only, each once, within the limits."

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message, {"rule": rule})
        self.rule = rule


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What a zip may unpack to; sizes in bytes. `ratio` bounds how far one file of more than 1 MiB may expand."""

    entries: int = 20_000
    total_bytes: int = 512 << 20
    file_bytes: int = 256 << 20
    ratio: int = 200
    depth: int = 32
    path_bytes: int = 1024
    name_bytes: int = 255


def archive_limits(zip_bytes: int) -> ArchiveLimits:
    """What a zip may unpack to where it may itself have so many bytes."""
    return ArchiveLimits(total_bytes=UNPACKED * zip_bytes)


@dataclass(frozen=True, slots=True)
class ArchiveEntry:
    """One line of a zip's directory. `mode` is a Unix mode, 0 where there is none; `raw_name` the name's bytes as they stand there."""

    name: str
    size: int
    compressed: int
    method: int
    flags: int
    mode: int
    offset: int
    checksum: int = 0
    raw_name: bytes = b""

    @property
    def is_folder(self) -> bool:
        """Whether the entry is a folder."""
        return self.name.endswith("/")

    @property
    def is_program(self) -> bool:
        """Whether the file's owner may execute it."""
        return bool(self.mode & stat.S_IXUSR)


def check_archive(entries: Sequence[ArchiveEntry], directory_offset: int, limits: ArchiveLimits) -> dict[tuple[str, ...], ArchiveEntry]:
    """The entries by the parts of their paths, without what macOS adds; raises ZipRejected for a directory that no honest zip has.

    `directory_offset` is where the directory begins in the file: what the entries' contents end before.
    """
    if len(entries) > limits.entries:
        raise ZipRejected("entries", f"The zip has more than {limits.entries} entries.")
    for entry in entries:
        _check_kind(entry)
        _check_size(entry, limits)
    if sum(entry.size for entry in entries) > limits.total_bytes:
        raise ZipRejected("total_size", f"The zip unpacks to more than {limits.total_bytes} bytes.")
    _check_places(entries, directory_offset)
    paths = _paths(entries, limits)
    if all(entry.is_folder for entry in paths.values()):
        raise ZipRejected("empty", "The zip is empty: no file in it would be unpacked.")
    return paths


def path_of(name: str, limits: ArchiveLimits) -> tuple[str, ...]:
    """The parts of an entry's path; raises ZipRejected for a name that leads elsewhere, or nowhere."""
    if "\\" in name:
        raise ZipRejected("name", "A name in the zip has a backslash; folders are separated by slashes, as `tar -a` and PowerShell 7 do.")
    if name.startswith("/") or _DRIVE.match(name) or _CONTROL.search(name):
        raise ZipRejected("name", "A name in the zip is absolute, or has characters that no file of a project has.")
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if ".." in parts:
        raise ZipRejected("name", "A name in the zip leads out of the project's folder.")
    if len(parts) > limits.depth or len(name.encode()) > limits.path_bytes or any(len(part.encode()) > limits.name_bytes for part in parts):
        raise ZipRejected("name", "A name in the zip is too long, or too deep.")
    return parts


def is_apple_double(path: Sequence[str]) -> bool:
    """Whether a path is one of the entries in which macOS keeps what other systems' files do not have."""
    return any(part == "__MACOSX" or part.startswith("._") for part in path)


def _check_kind(entry: ArchiveEntry) -> None:
    if entry.flags & (ENCRYPTED | STRONG | MASKED):
        raise ZipRejected("encrypted", "The zip is encrypted.")
    if entry.method not in (STORED, DEFLATED) or entry.flags & PATCHED:
        raise ZipRejected("method", "The zip is compressed in a way that is not taken; use deflate.")
    kind = stat.S_IFMT(entry.mode)
    if kind not in (0, stat.S_IFDIR if entry.is_folder else stat.S_IFREG):
        raise ZipRejected("link", "The zip has a link or another special file.")


def _check_size(entry: ArchiveEntry, limits: ArchiveLimits) -> None:
    if entry.is_folder and entry.size:
        raise ZipRejected("folder_with_content", "A folder in the zip has content.")
    if entry.method == STORED and entry.size != entry.compressed:
        raise ZipRejected("size", "The zip says two things about the size of a file.")
    if entry.size > limits.file_bytes:
        raise ZipRejected("file_size", f"A file in the zip has more than {limits.file_bytes} bytes.")
    if entry.size > SMALL_ENOUGH and entry.size > limits.ratio * entry.compressed:
        raise ZipRejected("ratio", "A file in the zip expands further than a project's files do.")


def _check_places(entries: Iterable[ArchiveEntry], directory_offset: int) -> None:
    end = 0
    for begin, least_end in sorted((entry.offset, entry.offset + LOCAL_HEADER_BYTES + entry.compressed) for entry in entries):
        if begin < end:
            raise ZipRejected("overlap", "Files in the zip share their content.")
        end = least_end
    if end > directory_offset:
        raise ZipRejected("overlap", "A file in the zip reaches beyond the zip's content.")


def _paths(entries: Iterable[ArchiveEntry], limits: ArchiveLimits) -> dict[tuple[str, ...], ArchiveEntry]:
    found: dict[tuple[str, ...], ArchiveEntry] = {}
    for entry in entries:
        path = path_of(entry.name, limits)
        if is_apple_double(path):
            continue
        if not path and not entry.is_folder:
            raise ZipRejected("name", "A file in the zip has no name.")
        if path in found:
            raise ZipRejected("duplicate", "The zip has two entries of the same name.")
        found[path] = entry
    for path in found:
        if any(above in found and not found[above].is_folder for above in (path[:depth] for depth in range(1, len(path)))):
            raise ZipRejected("duplicate", "The zip has a file and a folder of the same name.")
    return found
