"""Reads the directory of a zip file, and rejects a file that two programs could read differently."""
from __future__ import annotations

import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from api.domain.jobs.archive_check import ArchiveEntry, ArchiveLimits, ZipRejected, check_archive

END, END_SIGNATURE = struct.Struct("<4s4H2LH"), b"PK\5\6"
LOCATOR, LOCATOR_SIGNATURE = struct.Struct("<4sLQL"), b"PK\6\7"
END64, END64_SIGNATURE = struct.Struct("<4sQ2H2L4Q"), b"PK\6\6"
LINE, LINE_SIGNATURE = struct.Struct("<4s6H3L5H2L"), b"PK\1\2"
LOCAL, LOCAL_SIGNATURE = struct.Struct("<4s5H3L2H"), b"PK\3\4"
MAX_COMMENT_LENGTH = (1 << 16) - 1
IN_EXTRA = (1 << 32) - 1
UTF8 = 1 << 11
# Extra fields: sizes of 64 bits, and Info-ZIP's name in UTF-8.
WIDE_SIZES, UNICODE_PATH = 1, 0x7075
# Who made an entry. MS-DOS and Windows separate folders by a backslash where a program did not know better.
MADE_BY_DOS, MADE_BY_UNIX, MADE_BY_MACOS = 0, 3, 19
BACKSLASH_SYSTEMS = frozenset({MADE_BY_DOS, 10, 11, 14})
MAX_BYTES_PER_LINE = 512


def check_zip(path: Path, limits: ArchiveLimits) -> dict[tuple[str, ...], ArchiveEntry]:
    """Read the entries of a zip file, by the parts of their paths, without their content. Raises ZipRejected."""
    with path.open("rb") as file:
        return read_directory(file, limits)


def read_directory(file: BinaryIO, limits: ArchiveLimits) -> dict[tuple[str, ...], ArchiveEntry]:
    """Read the entries of an open zip file. The limits bound the memory used, whatever sizes the file states. Raises ZipRejected."""
    count, size, offset = _end(file)
    if count > limits.entries or size > limits.entries * MAX_BYTES_PER_LINE:
        raise ZipRejected("entries", f"The zip has more than {limits.entries} entries.")
    file.seek(offset)
    entries = list(_entries(file.read(size)))
    if len(entries) != count:
        raise _broken()
    return check_archive(entries, offset, limits)


def content_offset(file: BinaryIO, entry: ArchiveEntry) -> int:
    """Find the offset of an entry's content. Raises ZipRejected if the entry's local header contradicts the directory."""
    file.seek(entry.offset)
    header = file.read(LOCAL.size)
    if len(header) < LOCAL.size:
        raise _broken()
    signature, _, _, method, _, _, _, _, _, name_bytes, extra_bytes = LOCAL.unpack(header)
    if signature != LOCAL_SIGNATURE or method != entry.method or file.read(name_bytes) != entry.raw_name:
        raise ZipRejected("header", "The zip's directory and the files in it contradict each other.")
    return entry.offset + LOCAL.size + int(name_bytes) + int(extra_bytes)


def _end(file: BinaryIO) -> tuple[int, int, int]:
    """Read the end record: the number of entries, and the directory's length and offset in bytes.

    Raises ZipRejected if there is no end record, or if the directory does not end right before it.
    """
    length = file.seek(0, 2)
    begin = max(0, length - END.size - MAX_COMMENT_LENGTH)
    file.seek(begin)
    tail = file.read()
    at = tail.rfind(END_SIGNATURE)
    while at >= 0 and not _is_end(tail, at):
        at = tail.rfind(END_SIGNATURE, 0, at)
    if at < 0:
        raise ZipRejected("no_zip", "The file is no zip file, or was cut off.")
    _, disk, first_disk, here, count, size, offset, _ = END.unpack_from(tail, at)
    end = begin + at
    if count == 0xFFFF or IN_EXTRA in (size, offset):
        end, disk, first_disk, here, count, size, offset = _end64(file, end)
    if disk or first_disk or here != count or offset + size != end:
        raise _broken()
    return count, size, offset


def _is_end(tail: bytes, at: int) -> bool:
    return at + END.size <= len(tail) and at + END.size + int.from_bytes(tail[at + 20:at + 22], "little") == len(tail)


def _end64(file: BinaryIO, end: int) -> tuple[int, int, int, int, int, int, int]:
    if end < LOCATOR.size + END64.size:
        raise _broken()
    file.seek(end - LOCATOR.size)
    signature, _, at, disks = LOCATOR.unpack(file.read(LOCATOR.size))
    if signature != LOCATOR_SIGNATURE or disks > 1 or at != end - LOCATOR.size - END64.size:
        raise _broken()
    file.seek(at)
    signature, _, _, _, disk, first_disk, here, count, size, offset = END64.unpack(file.read(END64.size))
    if signature != END64_SIGNATURE:
        raise _broken()
    return at, disk, first_disk, here, count, size, offset


def _entries(directory: bytes) -> Iterator[ArchiveEntry]:
    at = 0
    while at < len(directory):
        if at + LINE.size > len(directory):
            raise _broken()
        (signature, made_by, _, flags, method, _, _, checksum, compressed, size, name_bytes, extra_bytes, comment_bytes, disk, _,
         attributes, offset) = LINE.unpack_from(directory, at)
        name_end = at + LINE.size + name_bytes
        following = name_end + extra_bytes + comment_bytes
        if signature != LINE_SIGNATURE or disk or following > len(directory):
            raise _broken()
        raw_name, extra = directory[at + LINE.size:name_end], directory[name_end:name_end + extra_bytes]
        size, compressed, offset = _zip64_values(extra, size, compressed, offset)
        system = made_by >> 8
        # Other systems keep other things in these bits; MS-DOS leaves them empty.
        mode = attributes >> 16 if system in (MADE_BY_DOS, MADE_BY_UNIX, MADE_BY_MACOS) else 0
        name = entry_name(raw_name, is_utf8=bool(flags & UTF8), extra=extra, system=system)
        yield ArchiveEntry(name, size, compressed, method, flags, mode, offset, checksum, raw_name)
        at = following


def entry_name(raw: bytes, *, is_utf8: bool, extra: bytes, system: int) -> str:
    """Decode an entry's name. Raises ZipRejected for a name that is marked as UTF-8 and is not.

    Java, git, Python, 7-Zip and newer PowerShells mark UTF-8 by a flag, Info-ZIP by an extra field with the checksum of the plain
    name (APPNOTE 4.6.9). macOS writes decomposed UTF-8 without a mark, so an unmarked name is normalized to NFC. An unmarked name
    that is not UTF-8 is read as code page 437, that of MS-DOS.
    """
    marked = raw if is_utf8 else _unicode_path(raw, extra)
    try:
        name = raw.decode() if marked is None else marked.decode()
    except UnicodeDecodeError:
        if marked is not None:
            raise ZipRejected("name", "A name in the zip is not UTF-8.") from None
        name = raw.decode("cp437")
    if marked is None:
        name = unicodedata.normalize("NFC", name)
    return name.replace("\\", "/") if system in BACKSLASH_SYSTEMS else name


def _unicode_path(raw: bytes, extra: bytes) -> bytes | None:
    for kind, content in _extra_fields(extra):
        if kind == UNICODE_PATH and content[:1] == b"\1" and content[1:5] == zlib.crc32(raw).to_bytes(4, "little"):
            return content[5:]
    return None


def _extra_fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the kind and the content of each extra field, up to the first that is cut off."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        content = extra[at + 4:at + 4 + length]
        if len(content) < length:
            return
        yield kind, content
        at += 4 + length


def _zip64_values(extra: bytes, *narrow: int) -> list[int]:
    """Replace each value that does not fit into 32 bits by the one in the zip64 extra field. Raises ZipRejected if that is missing."""
    wanted = narrow.count(IN_EXTRA)
    if not wanted:
        return list(narrow)
    for kind, content in _extra_fields(extra):
        if kind == WIDE_SIZES and len(content) >= 8 * wanted:
            wide = iter(struct.unpack_from(f"<{wanted}Q", content))
            return [next(wide) if value == IN_EXTRA else value for value in narrow]
    raise _broken()


def _broken() -> ZipRejected:
    return ZipRejected("broken", "The zip file is broken.")


def read_text(path: Path, name: str, most: int) -> str:
    """The text of a file at the top of a zip that was checked; empty where there is none, or one of more than `most` bytes."""
    try:
        with zipfile.ZipFile(path) as project, project.open(name) as file:
            content = file.read(most + 1)
    except (KeyError, OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error, EOFError):
        # Unpacking tells what is wrong with it.
        return ""
    return "" if len(content) > most else content.decode(errors="replace")
