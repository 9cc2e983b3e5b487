"""Zips a project reproducibly, in a form that the server accepts."""
from __future__ import annotations

import os
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import IO

from ci_client.errors import CiError, printable

# The earliest time that a zip can hold, for all files, so that the zip is reproducible.
EARLIEST_TIME = (1980, 1, 1, 0, 0, 0)
PIECE = 1 << 20
LEVEL = 6
# A server takes a large file that expands far more than this for a bomb; such a file is sent as it is.
MAX_RATIO = 100
_REFUSED = re.compile(r"[\x00-\x1f\x7f\\]|\A[A-Za-z]:")


def write_project_zip(folder: Path, files: Sequence[PurePosixPath], target: IO[bytes]) -> None:
    """Write the files into a zip. Raises CiError for one that cannot be read, or has a name that no zip can carry."""
    with zipfile.ZipFile(target, "w") as archive:
        for path in files:
            _add(archive, folder, path)


def _add(archive: zipfile.ZipFile, folder: Path, path: PurePosixPath) -> None:
    name = printable(str(path).encode("utf-8", "replace").decode())
    try:
        str(path).encode()
    except UnicodeEncodeError as wrong:
        raise CiError(f"{name} has a name that is not UTF-8; rename or ignore it.") from wrong
    if _REFUSED.search(str(path)):
        raise CiError(f"{name} has a name that the server does not take; rename or ignore it.")
    try:
        with _opened(folder / path) as source:
            _write(archive, path, source)
    except OSError as wrong:
        raise CiError(f"{name} cannot be sent: {wrong.strerror or 'it cannot be read'}.") from wrong


def _opened(place: Path) -> IO[bytes]:
    """The file, for reading; a link that has taken its place in the meantime is not followed, and a pipe not waited for."""
    return os.fdopen(os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")


def _write(archive: zipfile.ZipFile, path: PurePosixPath, source: IO[bytes]) -> None:
    status = os.fstat(source.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise OSError(0, "it is no ordinary file any more")
    entry = zipfile.ZipInfo(str(path), EARLIEST_TIME)
    entry.create_system = 3
    entry.external_attr = (stat.S_IFREG | (0o755 if status.st_mode & stat.S_IXUSR else 0o644)) << 16
    entry.file_size = status.st_size
    entry.compress_type = zipfile.ZIP_STORED if is_suspiciously_compressible(source, status.st_size) else zipfile.ZIP_DEFLATED
    source.seek(0)
    with archive.open(entry, "w") as written:
        shutil.copyfileobj(source, written, PIECE)


def is_suspiciously_compressible(source: IO[bytes], size: int) -> bool:
    """Whether a large file compresses so well that it looks like a zip bomb. Only the beginning of an ordinary file is read."""
    if size <= PIECE:
        return False
    packer, packed = zlib.compressobj(LEVEL, zlib.DEFLATED, -15), 0
    while piece := source.read(PIECE):
        packed += len(packer.compress(piece))
        if packed * MAX_RATIO > size:
            return False
    return (packed + len(packer.flush())) * MAX_RATIO <= size
