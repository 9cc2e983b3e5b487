"""A cache of comparisons. Its keys are hashes of contents, so that no entry goes stale."""
from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, Protocol, TypeVar


class Answer(Protocol):
    """What is kept: an answer and its size."""

    @property
    def shown(self) -> bytes:
        """The bulk of it."""

    @property
    def is_final(self) -> bool:
        """Whether the same question will have no better answer."""


Kept = TypeVar("Kept", bound=Answer)


class DiffCache(Generic[Kept]):
    """A least-recently-used cache of answers, bounded by their total bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._answers: OrderedDict[Hashable, Kept] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> Kept | None:
        """The cached answer, if there is one."""
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
            return self._answers.get(key)

    def put(self, key: Hashable, answer: Kept) -> None:
        """Cache an answer, and evict the least recently used ones. One that is not final is not cached."""
        size = len(answer.shown)
        if not answer.is_final or size > self._limit // 4:
            return
        with self._lock:
            if key in self._answers:
                return
            self._answers[key] = answer
            self._size += size
            while self._size > self._limit:
                _, oldest = self._answers.popitem(last=False)
                self._size -= len(oldest.shown)
