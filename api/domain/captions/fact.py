"""A fact: one thing that is different about an output, as small as it can be told."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

PLACES = 3


@dataclass(frozen=True, slots=True)
class Fact:
    """`kind` is from a closed list; `parameter` says which, by how much or what, and is bounded and free of control characters.

    `share` is the part of the cues (or lines) that it touches, from 0 to 1, and `place` the indexes of the first three of them.
    Two outputs that fail for one cause have equal kinds and, mostly, equal parameters.
    """

    kind: str
    parameter: str = ""
    share: float = 1.0
    place: tuple[int, ...] = ()

    @property
    def fields(self) -> list[Any]:
        """All that it says, as JSON has it."""
        return [self.kind, self.parameter, self.share, list(self.place)]

    @classmethod
    def of_fields(cls, fields: Sequence[Any]) -> Fact:
        """The fact with these fields. Raises ValueError for what are none."""
        kind, parameter, share, place = fields
        return cls(kind, parameter, share, tuple(place))


def fact_of(kind: str, parameter: str, indexes: list[int], total: int) -> Fact:
    """A fact that holds for the cues of these indexes, out of so many."""
    return Fact(kind, parameter, round(min(1.0, len(indexes) / max(1, total)), 4), tuple(indexes[:PLACES]))


_UNREAD = frozenset({"other", "binary.other", "frame.many"})


def is_unread(found: Iterable[Fact]) -> bool:
    """Whether facts say no more than that two files differ, since these are in no format of captions."""
    return any(fact.kind in _UNREAD for fact in found)
