"""Whether the facts of two files are known."""
from __future__ import annotations

from enum import StrEnum


class FactsState(StrEnum):
    """They are known, a file is gone, or there was no time for all of them."""

    READY = "ready"
    MISSING = "missing"
    LATE = "late"
