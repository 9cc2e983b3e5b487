"""The last lines of logs, for results."""
from __future__ import annotations

from api.domain.errors import Unavailable
from api.domain.text.decoding import LOG_HEAD, utf_16_of_log
from api.domain.text.tail import decode_tail
from api.storage.files.archive import Archive


def read_tail(archive: Archive, name: str, size: int) -> str | None:
    """The last so many bytes of a log, as text; None where it cannot be had: the result is worth showing without it."""
    try:
        log = archive.open(name)
        if log is None:
            return None
        wide = utf_16_of_log(log.read(0, LOG_HEAD), grows=False)
        start = max(0, log.size - size)
        start += start % 2 if wide else 0
        return decode_tail(log.read(start, size), is_whole=start == 0, wide=wide)
    except Unavailable:
        return None
