"""Unpacks a zip file: checks its directory again, and holds the contents to it."""
from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import BinaryIO

from api.domain.jobs.archive_check import STORED, ArchiveEntry, ArchiveLimits, ZipRejected
from api.jobs.project.zip_directory import content_offset, read_directory

CHUNK = 1 << 16
MAX_AT_ONCE = 1 << 20
RAW_DEFLATE = -15
PROGRAM, PLAIN = 0o755, 0o644


def unpack_into(file: BinaryIO, folder: int, limits: ArchiveLimits) -> dict[str, ArchiveEntry]:
    """Unpack into an empty folder, given as a descriptor, and return its files by path. Raises ZipRejected, or OSError."""
    entries = read_directory(file, limits)
    room = _content_ends(file, entries)
    made = {}
    for path, entry in entries.items():
        if entry.is_folder:
            _make_folders(folder, path)
            continue
        _make_folders(folder, path[:-1])
        _unpack_file(file, folder, path, entry, room[entry.offset])
        made[str(PurePosixPath(*path))] = entry
    return made


def _content_ends(file: BinaryIO, entries: Mapping[tuple[str, ...], ArchiveEntry]) -> dict[int, int]:
    """Where the content of each entry must end: at the next entry, or at the end of the file."""
    offsets = sorted(entry.offset for entry in entries.values())
    return dict(zip(offsets, [*offsets[1:], file.seek(0, os.SEEK_END)], strict=True))


def _make_folders(folder: int, path: tuple[str, ...]) -> None:
    for depth in range(1, len(path) + 1):
        try:
            os.mkdir(str(PurePosixPath(*path[:depth])), PROGRAM, dir_fd=folder)
        except FileExistsError:
            continue


def _unpack_file(file: BinaryIO, folder: int, path: tuple[str, ...], entry: ArchiveEntry, room: int) -> None:
    begin = content_offset(file, entry)
    if begin + entry.compressed > room:
        raise ZipRejected("overlap", "Files in the zip share their content.")
    file.seek(begin)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    made = os.open(str(PurePosixPath(*path)), flags, PROGRAM if entry.is_program else PLAIN, dir_fd=folder)
    with os.fdopen(made, "wb") as target:
        size = checksum = 0
        for chunk in _content(file, entry):
            size += len(chunk)
            if size > entry.size:
                break
            checksum = zlib.crc32(chunk, checksum)
            target.write(chunk)
    if size != entry.size:
        raise ZipRejected("size", "A file in the zip has another size than the zip says.")
    if checksum != entry.checksum:
        raise ZipRejected("checksum", "A file in the zip is damaged.")


def _content(file: BinaryIO, entry: ArchiveEntry) -> Iterator[bytes]:
    """The content, piece by piece, each of bounded size however far it expands."""
    if entry.method == STORED:
        yield from _pieces(file, entry.compressed)
        return
    inflate = zlib.decompressobj(RAW_DEFLATE)
    try:
        for piece in _pieces(file, entry.compressed):
            yield inflate.decompress(piece, MAX_AT_ONCE)
            while inflate.unconsumed_tail:
                yield inflate.decompress(inflate.unconsumed_tail, MAX_AT_ONCE)
        while rest := inflate.decompress(b"", MAX_AT_ONCE):
            yield rest
    except zlib.error:
        raise ZipRejected("damaged", "A file in the zip is damaged.") from None
    if not inflate.eof or inflate.unused_data:
        raise ZipRejected("damaged", "A file in the zip is damaged.")


def _pieces(file: BinaryIO, length: int) -> Iterator[bytes]:
    while length:
        piece = file.read(min(CHUNK, length))
        if not piece:
            raise ZipRejected("damaged", "A file in the zip is damaged.")
        length -= len(piece)
        yield piece
