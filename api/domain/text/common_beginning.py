"""What two texts have in common from their start on."""
from __future__ import annotations

from typing import AnyStr


def common_length(expected: AnyStr, actual: AnyStr) -> int:
    """How many bytes, or characters, two texts share from their start on."""
    length = min(len(expected), len(actual))
    if expected[:length] == actual[:length]:
        return length
    low, high = 0, length
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if expected[low:middle] == actual[low:middle] else (low, middle)
    return low
