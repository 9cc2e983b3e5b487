"""The SHA-256 of a file on the disk, found once for each version of it."""
from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

REMEMBERED = 256


def file_digest(path: Path) -> str:
    """SHA-256 (hex) of a file's content. Raises OSError."""
    found = path.stat()
    return _digest(path, found.st_ino, found.st_mtime_ns, found.st_size)


@lru_cache(REMEMBERED)
def _digest(path: Path, *_: int) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
