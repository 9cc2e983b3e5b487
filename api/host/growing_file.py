"""Reading of files that are written to meanwhile."""
from __future__ import annotations

from pathlib import Path

PIECE = 1 << 20


def read_piece(path: Path, offset: int) -> bytes:
    """Up to 1 MiB of a file from an offset on; nothing where there is no more, or no file."""
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(offset)
            return file.read(PIECE)
    except FileNotFoundError:
        return b""
