"""A circuit breaker around a remote store: parallel calls with a timeout, and none while the store is down."""
from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from api.storage.files.backends import Backend, Stat, Unreachable

T = TypeVar("T")

COOLDOWN = 5.0


class CircuitBreaker:
    """A store whose readers wait `timeout` seconds at most, for however many files.

    A store that answered nothing in time is not asked for `cooldown` seconds: whoever asks meanwhile hears at once that it does
    not answer. Writing, which nobody waits for, goes straight to the store.
    """

    def __init__(
        self, store: Backend, *, timeout: float, threads: int, cooldown: float = COOLDOWN, clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._timeout, self._rest, self._clock = store, timeout, cooldown, clock
        self._pool = ThreadPoolExecutor(threads, store.name)
        self._resting_until = float("-inf")

    @property
    def name(self) -> str:
        """The store's name."""
        return self._store.name

    def stat(self, name: str) -> Stat | None:
        """As the store says, within the time."""
        return self._asked(partial(self._store.stat, name))

    def stat_many(self, wanted: Iterable[str]) -> Mapping[str, Stat | None]:
        """`stat` of many names side by side; what did not come in time is left out."""
        if self._is_open():
            return {}
        asked = {name: self._pool.submit(self._store.stat, name) for name in wanted}
        wait(asked.values(), self._timeout)
        found = {}
        for name, future in asked.items():
            with suppress(Unreachable):
                found[name] = self._result(future)
        if asked and not found:
            # One that told of some files is slow, not down.
            self._open_circuit()
        return found

    def read(self, name: str, start: int, length: int, identity: str | None = None) -> bytes:
        """As the store reads, within the time."""
        return self._asked(partial(self._store.read, name, start, length, identity))

    def put(self, name: str, source: Path) -> None:
        """As the store does, in its own time."""
        self._store.put(name, source)

    def sign(self, name: str, *, filename: str, content_type: str, expires_at: datetime) -> str:
        """As the store signs, which takes no asking."""
        return self._store.sign(name, filename=filename, content_type=content_type, expires_at=expires_at)

    def delete(self, name: str) -> None:
        """As the store does, in its own time."""
        self._store.delete(name)

    def copy(self, name: str, target: str) -> None:
        """As the store does, in its own time."""
        self._store.copy(name, target)

    def compose(self, sources: Sequence[str], target: str) -> None:
        """As the store does, in its own time."""
        self._store.compose(sources, target)

    def list(self, prefix: str) -> Iterator[str]:
        """As the store lists, in its own time."""
        return self._store.list(prefix)

    def folders(self, prefix: str) -> Iterator[str]:
        """As the store lists, in its own time."""
        return self._store.folders(prefix)

    def changed_at(self, prefix: str) -> datetime | None:
        """As the store says, in its own time."""
        return self._store.changed_at(prefix)

    def delete_all(self, prefix: str) -> None:
        """As the store does, in its own time."""
        self._store.delete_all(prefix)

    def _asked(self, work: Callable[[], T]) -> T:
        if self._is_open():
            raise Unreachable("the store did not answer a moment ago")
        future = self._pool.submit(work)
        wait([future], self._timeout)
        try:
            return self._result(future)
        except Unreachable:
            self._open_circuit()
            raise

    def _result(self, future: Future[T]) -> T:
        # A call that has not started is cancelled, since nobody waits for it.
        if not future.done() and not future.cancel():
            raise Unreachable("the store did not answer in time")
        try:
            return future.result(0)
        except (CancelledError, TimeoutError) as late:
            raise Unreachable("the store did not answer in time") from late

    def _is_open(self) -> bool:
        return self._clock() < self._resting_until

    def _open_circuit(self) -> None:
        self._resting_until = self._clock() + self._rest
