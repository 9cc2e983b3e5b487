"""Appending to files that grow, by senders that may send the same bytes again."""
from __future__ import annotations

import os

from api.domain.errors import Conflict


def new_part(size: int, start: int, chunk: bytes) -> bytes:
    """What of a chunk comes behind a log of this size. Raises Conflict, with the size, where bytes before the chunk are missing."""
    if start > size:
        raise Conflict("Bytes of the log before this offset are missing.", {"size": size}, remedy="Send the log from details.size on.")
    return chunk[size - start:]


def write_at(descriptor: int, offset: int, content: bytes) -> int:
    """Write to an open file, from an offset on; where what was written ends. Raises OSError."""
    rest = memoryview(content)
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written
    return offset
