"""How many examples a property is tried with beyond the domain: a part of them each time, all of them in `make verify`."""
from __future__ import annotations

import os

VARIABLE, ALL = "HYPOTHESIS_PROFILE", "thorough"


def examples(count: int, *, part: int = 3) -> int:
    """How many of so many examples are to be tried now; one in `part` of them each time."""
    return count if os.environ.get(VARIABLE) == ALL else -(-count // part)
