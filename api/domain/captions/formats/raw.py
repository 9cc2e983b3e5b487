"""CCExtractor's own binary files of raw captions: a head, then times and triplets of bytes."""
from __future__ import annotations

import struct
from collections.abc import Iterator

from api.domain.captions.cue import Captions, Cue, Format, first_cues
from api.domain.captions.formats.line_21 import line_21_cue, with_ends

MAGIC = b"\xcc\xcc\xed"
_HEAD = 11
# Milliseconds, and how many triplets follow: what the first byte says of the other two, which are line 21's.
_RECORD = struct.Struct("<qH")


def read_raw(content: bytes) -> Captions | None:
    """A binary file of raw captions; None where it does not begin as one."""
    if not content.startswith(MAGIC):
        return None
    cues, is_cut = first_cues(with_ends(_cues(content)))
    return Captions(Format.RAW, cues, (f"head {content[:_HEAD].hex()}",), is_cut=is_cut)


def _cues(content: bytes) -> Iterator[Cue]:
    at = _HEAD
    while at + _RECORD.size <= len(content):
        start, count = _RECORD.unpack_from(content, at)
        at += _RECORD.size
        triplets = content[at:at + 3 * count]
        at += 3 * count
        pairs = bytearray(2 * (len(triplets) // 3))
        pairs[0::2], pairs[1::2] = triplets[1::3][:len(pairs) // 2], triplets[2::3]
        yield line_21_cue(start, bytes(pairs))
