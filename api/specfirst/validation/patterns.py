"""Translates the documents' patterns into Python's regular expressions."""
from __future__ import annotations

import re
from functools import lru_cache

_ESCAPES_AND_CLASSES = re.compile(r"(\\.|\[(?:\\.|[^\]\\])*(?:\]|\\?\Z))", re.DOTALL)


@lru_cache(maxsize=256)
def expression(pattern: str) -> re.Pattern[str]:
    """Compile a document's pattern. `$` matches the end only, not before a last newline, and character classes are ASCII."""
    parts = _ESCAPES_AND_CLASSES.split(pattern)
    written = "".join(part if position % 2 else part.replace("$", r"\Z") for position, part in enumerate(parts))
    return re.compile(written, re.ASCII)
