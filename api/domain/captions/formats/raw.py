"""CCExtractor's own binary files of raw captions: a head, then times and triplets of bytes."""
from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import islice

from api.domain.captions.cue import CUE_LIMIT, Captions, Cue, Format, first_cues
from api.domain.captions.formats.line_21 import line_21_cue, on_screen

MAGIC = b"\xcc\xcc\xed"
# A caption is loaded, shown and erased.
RECORD_LIMIT = 3 * CUE_LIMIT
_HEAD = 11
# Milliseconds, and how many triplets follow: what the first byte says of the other two, which are line 21's.
_RECORD = struct.Struct("<qH")


def read_raw(content: bytes) -> Captions | None:
    """A binary file of raw captions; None where it does not begin as one."""
    if not content.startswith(MAGIC):
        return None
    records = _records(content)
    cues, is_cut = first_cues(on_screen(islice(records, RECORD_LIMIT)))
    return Captions(Format.RAW, cues, (f"head {content[:_HEAD].hex()}",), is_cut=is_cut or next(records, None) is not None)


def _records(content: bytes) -> Iterator[Cue]:
    at = _HEAD
    while at + _RECORD.size <= len(content):
        start, count = _RECORD.unpack_from(content, at)
        at += _RECORD.size
        triplets = content[at:at + 3 * count]
        at += 3 * count
        pairs = bytearray(2 * (len(triplets) // 3))
        pairs[0::2], pairs[1::2] = triplets[1::3][:len(pairs) // 2], triplets[2::3]
        yield line_21_cue(start, bytes(pairs))
