"""Names of tags and categories."""
from __future__ import annotations

import unicodedata

from api.domain.errors import Invalid


def label_fault(name: str) -> str | None:
    """What keeps a word from being the name of a tag or a category; None for nothing."""
    if not name.isprintable() or not name or name != name.strip():
        return "Must be printable characters, with no blanks around them."
    return None


def check_label(name: str) -> None:
    """Let pass the name of a new tag or category. Raises Invalid."""
    fault = label_fault(name)
    if fault is not None:
        raise Invalid({"name": fault})


def label_key(name: str) -> str:
    """What is the same of two names that differ in case, accents or blanks at the end: a database may take them for one."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).rstrip()
