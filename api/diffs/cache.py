"""A cache of comparisons. Its keys are hashes of contents, so that no entry goes stale."""
from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock

from api.diffs.channel import DiffAnswer
from api.domain.text.diff import Precision


class DiffMemory:
    """The answers asked for last, up to so many bytes altogether."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._answers: OrderedDict[Hashable, DiffAnswer] = OrderedDict()
        self._lock = Lock()

    def recall(self, key: Hashable) -> DiffAnswer | None:
        """The answer to the same question, if it is still known."""
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
            return self._answers.get(key)

    def keep(self, key: Hashable, answer: DiffAnswer) -> None:
        """Remember an answer, and forget those that nobody asked for the longest; a coarse one may be better next time."""
        size = len(answer.shown)
        if answer.precision is Precision.COARSE or size > self._limit // 4:
            return
        with self._lock:
            if key in self._answers:
                return
            self._answers[key] = answer
            self._size += size
            while self._size > self._limit:
                _, oldest = self._answers.popitem(last=False)
                self._size -= len(oldest.shown)
