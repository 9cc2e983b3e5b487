"""A cache of comparisons. Its keys are hashes of contents, so that no entry goes stale."""
from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock

from api.diffs.channel import DiffAnswer
from api.domain.text.diff import Precision


class DiffCache:
    """A least-recently-used cache of answers, bounded by their total bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._answers: OrderedDict[Hashable, DiffAnswer] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> DiffAnswer | None:
        """The cached answer, if there is one."""
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
            return self._answers.get(key)

    def put(self, key: Hashable, answer: DiffAnswer) -> None:
        """Cache an answer, and evict the least recently used ones. Coarse answers are not cached."""
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
