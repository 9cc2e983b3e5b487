"""Finds a file's format, and reads it."""
from __future__ import annotations

from api.domain.captions.cue import Captions
from api.domain.captions.formats.blocks import read_blocks
from api.domain.captions.formats.rows import read_rows, read_transcript
from api.domain.captions.formats.tags import read_sami, read_ttml


def read_captions(text: str) -> Captions:
    """The cues of a text whose lines end in newlines alone, in the first format that fits; each line is one where none does."""
    return read_ttml(text) or read_sami(text) or read_blocks(text) or read_rows(text) or read_transcript(text)
