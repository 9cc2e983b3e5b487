"""The last lines of logs, for results."""
from __future__ import annotations

from api.domain.errors import Unavailable
from api.domain.text.tail import decode_tail
from api.storage.files.archive import Archive


def read_tail(archive: Archive, name: str, size: int) -> str | None:
    """The last so many bytes of a log, as text; None where it cannot be had: the result is worth showing without it."""
    try:
        log = archive.open(name)
        if log is None:
            return None
        start = max(0, log.size - size)
        return decode_tail(log.read(start, size), is_whole=start == 0)
    except Unavailable:
        return None
