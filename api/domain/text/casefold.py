"""Case-insensitive comparison of ASCII letters only, as the contract says."""
from __future__ import annotations

import string

_FOLD = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def casefold_ascii(text: str) -> str:
    """The text with its ASCII letters in lower case."""
    return text.translate(_FOLD)


def contains(text: str, part: str | None) -> bool:
    """Whether the text has this part; None asks for nothing."""
    return part is None or casefold_ascii(part) in casefold_ascii(text)
