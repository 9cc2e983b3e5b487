"""Zip files, honest ones and others, made byte by byte."""
from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from api.domain.jobs.archive_check import ArchiveLimits


@dataclass(frozen=True)
class Part:
    """A file in a zip, with what the zip says of it; what is None is said truthfully."""

    name: str
    content: bytes = b"x"
    mode: int = stat.S_IFREG | 0o644
    deflated: bool = True
    flags: int = 0
    local_name: str | None = None
    said_size: int | None = None
    said_checksum: int | None = None
    body: bytes | None = None
    offset: int | None = None


def honest(files: dict[str, bytes]) -> bytes:
    """A zip as Python's library makes it."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in files.items():
            target.writestr(name, content)
    return made.getvalue()


def crafted(parts: Sequence[Part], *, prefix: bytes = b"", suffix: bytes = b"", count: int | None = None) -> bytes:
    """A zip that says what it is told to."""
    body, lines = bytearray(prefix), bytearray()
    for part in parts:
        packed = part.body if part.body is not None else deflate(part.content) if part.deflated else part.content
        offset = len(body) if part.offset is None else part.offset
        size = len(part.content) if part.said_size is None else part.said_size
        checksum = zlib.crc32(part.content) if part.said_checksum is None else part.said_checksum
        method = 8 if part.deflated else 0
        if part.offset is None:
            name = (part.local_name or part.name).encode()
            body += struct.pack("<4s5H3L2H", b"PK\3\4", 20, part.flags, method, 0, 0, checksum, len(packed), size, len(name), 0)
            body += name + packed
        name = part.name.encode()
        lines += struct.pack(
            "<4s6H3L5H2L", b"PK\1\2", 3 << 8 | 20, 20, part.flags, method, 0, 0, checksum, len(packed), size, len(name), 0, 0, 0, 0,
            part.mode << 16, offset) + name
    number = len(parts) if count is None else count
    return bytes(body + lines) + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, number, number, len(lines), len(body), 0) + suffix


def deflate(content: bytes) -> bytes:
    """Raw deflate, as a zip holds it."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush()


def _overlapping() -> bytes:
    kernel = Part("a", bytes(1 << 16))
    return crafted([kernel, *(replace(kernel, name=name, offset=0) for name in "bcdefgh")])


def _quoting() -> bytes:
    """Each file's content begins with the next one's header, so that one kernel counts many times: the densest bomb there is."""
    inner = crafted([Part("b", bytes(1 << 16))])
    length = inner.index(b"PK\1\2")
    outer = Part("a", inner[:length], deflated=False)
    header = 30 + 1
    return crafted([outer, Part("b", bytes(1 << 16), offset=header)])


def _cut() -> bytes:
    return honest({"a.py": b"print()" * 100})[:-30]


# Each zip with the rule that it breaks.
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "no zip": (lambda: b"#!/bin/sh\nexit\n", "no_zip"),
    "nothing": (lambda: b"", "no_zip"),
    "cut off": (_cut, "no_zip"),
    "something after it": (lambda: crafted([Part("a")], suffix=b"more"), "no_zip"),
    "more entries than it says": (lambda: crafted([Part("a"), Part("b")], count=1), "broken"),
    "fewer entries than it says": (lambda: crafted([Part("a")], count=2), "broken"),
    "too many entries": (lambda: honest({f"f{number}": b"" for number in range(ArchiveLimits().entries + 1)}), "entries"),
    "a large file": (lambda: honest({"zeros": bytes((4 << 20) + 1)}), "file_size"),
    "large together": (lambda: crafted([Part(f"f{n}", b"", said_size=3 << 20, body=bytes(1 << 16)) for n in range(4)]), "total_size"),
    "a bomb": (lambda: honest({"zeros": bytes(3 << 20)}), "ratio"),
    "a bomb that says it is small": (lambda: crafted([Part("z", bytes(64 << 20), said_size=1000)]), "size"),
    "a bomb that says it is stored": (lambda: crafted([Part("z", b"x" * 10, deflated=False, said_size=1 << 20)]), "size"),
    "a file that is smaller than it says": (lambda: crafted([Part("z", b"abc", said_size=4)]), "size"),
    "a wrong checksum": (lambda: crafted([Part("z", b"abc", said_checksum=1)]), "checksum"),
    "content that is not deflate": (lambda: crafted([Part("z", b"abc", body=b"\xff\xff\xff\xff")]), "damaged"),
    "content that goes on": (lambda: crafted([Part("z", b"abc", body=deflate(b"abc") + b"more")]), "damaged"),
    "one content, many names": (_overlapping, "overlap"),
    "a header in another's content": (_quoting, "overlap"),
    "content beyond the file": (lambda: crafted([Part("a", offset=1 << 30), Part("b")]), "overlap"),
    "two names for one file": (lambda: crafted([Part("README", local_name="../../x")]), "header"),
    "an encrypted file": (lambda: crafted([Part("a", flags=1)]), "encrypted"),
    "a patch": (lambda: crafted([Part("a", flags=1 << 5)]), "method"),
    "a link": (lambda: crafted([Part("a", b"/etc/passwd", stat.S_IFLNK | 0o777)]), "link"),
    "a device": (lambda: crafted([Part("a", b"", stat.S_IFBLK | 0o666)]), "link"),
    "a pipe": (lambda: crafted([Part("a", b"", stat.S_IFIFO | 0o666)]), "link"),
    "a way up": (lambda: crafted([Part("../../etc/cron.d/x")]), "name"),
    "a way up behind a folder": (lambda: crafted([Part("a/b/../../../x")]), "name"),
    "an absolute name": (lambda: crafted([Part("/etc/passwd")]), "name"),
    "a drive": (lambda: crafted([Part("C:\\x")]), "name"),
    "a backslash": (lambda: crafted([Part("..\\x")]), "name"),
    "a NUL": (lambda: crafted([Part("a\0b")]), "name"),
    "a long name": (lambda: crafted([Part("n" * 256)]), "name"),
    "a deep name": (lambda: crafted([Part("d/" * 40 + "x")]), "name"),
    "the same name twice": (lambda: crafted([Part("a"), Part("a")]), "duplicate"),
    "the same name in two ways": (lambda: crafted([Part("a/b"), Part("a/./b")]), "duplicate"),
    "a file that is a folder": (lambda: crafted([Part("a"), Part("a/b")]), "duplicate"),
    "a program before it": (lambda: b"MZ" * 50 + crafted([Part("a")]), "broken"),
}
