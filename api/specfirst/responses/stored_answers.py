"""Answers that were given before, as bytes, for as long as what they were made from stays the same."""
from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

from cachetools import LRUCache

# So many bytes are kept in all, and no answer that is larger than a part of that.
MEMORY, LARGEST = 16 << 20, 1 << 20


@dataclass(frozen=True, slots=True)
class UnmadeAnswer:
    """What a handler returns that knows the version of its answer before it makes it; it is made where none of this version is stored.

    What it is made of may be newer than the version where that is of several rows: it is stored only if `is_current` says afterwards
    that the version still holds.
    """

    version: Hashable
    make: Callable[[], Any]
    is_current: Callable[[], bool] = lambda: True


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer with its headers."""

    body: bytes
    kind: str
    headers: Mapping[str, str]


class StoredAnswers:
    """The answers that were asked for most lately, by operation, request and version of what they were made from."""

    def __init__(self) -> None:
        self._answers: LRUCache[Hashable, StoredAnswer] = LRUCache(MEMORY, getsizeof=lambda answer: len(answer.body) + 1024)
        self._lock = Lock()

    def find(self, key: Hashable) -> StoredAnswer | None:
        """The answer of this key; None where there is none, or no more."""
        with self._lock:
            found: StoredAnswer | None = self._answers.get(key)
            return found

    def keep(self, key: Hashable, answer: StoredAnswer) -> None:
        """Keep an answer, unless it is very large."""
        if len(answer.body) <= LARGEST:
            with self._lock:
                self._answers[key] = answer
