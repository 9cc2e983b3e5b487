"""What is tried each day, and what `make verify` tries besides: examples of properties, and values of parameters."""
from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import pytest

VARIABLE, ALL = "HYPOTHESIS_PROFILE", "thorough"


def examples(count: int, *, part: int = 3) -> int:
    """How many of so many examples are to be tried now; one in `part` of them each day."""
    return count if os.environ.get(VARIABLE) == ALL else -(-count // part)


def each_day(values: Iterable[Any], *chosen: Any) -> list[Any]:
    """Values as parameters, of which those chosen are tried each day, and the others by `make verify` alone."""
    return [value if value in chosen else _sometimes(value) for value in values]


def _sometimes(value: Any) -> Any:
    return pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=pytest.mark.verify)
