"""A bounded pool of diff processes, which are started on demand and killed at their time limit."""
from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from threading import Lock, Semaphore
from typing import Any

from api.diffs.cache import DiffCache
from api.diffs.channel import ChannelClosed, Contents, CuesAnswer, CuesView, DeadlineExceeded, DiffAnswer, FactsAnswer, View
from api.diffs.process import PROGRAM, Answer, DiffProcess, Readable
from api.diffs.stretch import Part, count_lines, stretch_of
from api.domain.captions.fact import Fact
from api.domain.captions.facts import BYTE_LIMIT
from api.domain.errors import Unavailable
from api.domain.text.decoding import HEAD, Reading
from api.domain.text.diff import DiffSummary, Precision

log = logging.getLogger(__name__)

SIZE_LIMIT = 32 << 20
MEMORY = 16 << 20
CUES_MEMORY = 4 << 20
WAITING_FOR_EACH = 4


@dataclass(frozen=True, slots=True)
class Held:
    """A file that is in memory."""

    name: str
    content: bytes

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.content)

    def read(self, start: int, length: int) -> bytes:
        """Up to `length` bytes from `start` on."""
        return self.content[start:start + length]


class DiffPool:
    """Compares files beside the server: whatever the files are, there is an answer in time, and the server goes on.

    At most `processes` comparisons are made at once, and four times as many wait for their turn, no longer than one may
    take; more are refused. `seconds` is what one may take.
    """

    def __init__(self, *, processes: int = 2, seconds: float = 3, program: Sequence[str] = PROGRAM) -> None:
        self._program, self._seconds = program, seconds
        self._admitted = Semaphore(processes * (1 + WAITING_FOR_EACH))
        self._turns = Semaphore(processes)
        self._lock = Lock()
        self._idle: list[DiffProcess] = []
        self._busy: set[DiffProcess] = set()
        self._closed = False
        self._memory: DiffCache[DiffAnswer] = DiffCache(MEMORY)
        self._cues_memory: DiffCache[CuesAnswer] = DiffCache(CUES_MEMORY)

    @property
    def pids(self) -> frozenset[int]:
        """The ids of the current processes."""
        with self._lock:
            return frozenset(each.pid for each in (*self._idle, *self._busy))

    def compare(self, expected: Readable, actual: Readable, view: View) -> DiffAnswer:
        """The difference of two files. Raises Unavailable where too many are being compared, or a file cannot be read."""
        key = (expected.name, actual.name, view)
        answer = self._memory.get(key)
        if answer is None:
            with self._turn():
                answer = self._compare(expected, actual, view)
            self._memory.put(key, answer)
        return answer

    def compare_cues(self, expected: Readable, actual: Readable, view: CuesView) -> CuesAnswer | None:
        """The difference of two files cue by cue; None where there was no time for it. Raises Unavailable as `compare` does."""
        key = (expected.name, actual.name, view)
        answer = self._cues_memory.get(key)
        if answer is None:
            # A byte more than is looked at tells that there is more.
            left, right = (Part(file, 0, min(file.size, BYTE_LIMIT + 1)) for file in (expected, actual))
            with self._turn():
                answer = self._ask(left, right, {"cues": True} | asdict(view), CuesAnswer.of)
            if answer is not None:
                self._cues_memory.put(key, answer)
        return answer

    def facts_of_pairs(self, pairs: Sequence[Contents]) -> Sequence[tuple[Fact, ...] | None]:
        """All facts of the first of these pairs, as many as there was time for, and of one at least; None where that took too long.

        Together they are to be shorter than `SIZE_LIMIT`. Raises Unavailable as `compare` does.
        """
        with self._turn():
            answer = self._ask_facts(pairs)
            if answer is None and len(pairs) > 1:
                answer = self._ask_facts(pairs[:1])
        return [None] if answer is None else answer.facts

    def _ask_facts(self, pairs: Sequence[Contents]) -> FactsAnswer | None:
        question = {"pairs": [(len(pair.expected), len(pair.actual), pair.code) for pair in pairs]}
        content = b"".join(part for pair in pairs for part in (pair.expected, pair.actual))
        return self._ask(Held("outputs", content), Held("outputs", b""), question, FactsAnswer.of)

    def _compare(self, expected: Readable, actual: Readable, view: View) -> DiffAnswer:
        if max(expected.size, actual.size) <= SIZE_LIMIT:
            answer = self._ask(expected, actual, asdict(view), DiffAnswer.of)
        else:
            stretch = stretch_of(expected, actual, view.context_lines, SIZE_LIMIT)
            question = asdict(view) | {"before": stretch.before, "reading": asdict(stretch.reading)}
            answer = self._ask(stretch.expected, stretch.actual, question, DiffAnswer.of)
            answer = answer and stretch.completed(answer)
        return answer or fallback_difference(expected, actual, view)

    def _ask(
        self, expected: Readable, actual: Readable, question: Mapping[str, Any], read: Callable[[Mapping[str, Any], bytes], Answer],
    ) -> Answer | None:
        # A process may have died while idle; then another one is asked.
        for _ in range(2):
            process = self._take()
            answer = None
            try:
                answer = process.ask(expected, actual, question, self._seconds, read)
            except ChannelClosed:
                log.warning("a diff process has died")
            except DeadlineExceeded:
                log.warning("%s and %s could not be compared in %s s", expected.name, actual.name, self._seconds)
                break
            finally:
                self._give_back(process, usable=answer is not None)
            if answer is not None:
                return answer
        return None

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._admitted.acquire(blocking=False):
            raise self._too_busy()
        try:
            if not self._turns.acquire(timeout=self._seconds):
                raise self._too_busy()
            try:
                yield
            finally:
                self._turns.release()
        finally:
            self._admitted.release()

    def _too_busy(self) -> Unavailable:
        return Unavailable("Too many files are being compared.", retry_after=max(1, round(self._seconds)))

    def _take(self) -> DiffProcess:
        with self._lock:
            if self._closed:
                raise Unavailable("The server is stopping.")
            process = self._idle.pop() if self._idle else DiffProcess(self._program)
            self._busy.add(process)
        return process

    def _give_back(self, process: DiffProcess, *, usable: bool) -> None:
        with self._lock:
            self._busy.discard(process)
            if usable and not self._closed:
                self._idle.append(process)
                return
            # The next request is not to wait for a start.
            if not self._closed and not self._idle:
                self._idle.append(DiffProcess(self._program))
        process.discard()

    def close(self) -> None:
        """End all processes; who waits for one gets no answer, or a coarse one."""
        with self._lock:
            self._closed = True
            idle, busy = list(self._idle), list(self._busy)
            self._idle.clear()
        for process in idle:
            process.discard()
        for process in busy:
            process.kill()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While the server runs; processes are started on demand."""
        try:
            yield
        finally:
            self.close()


def fallback_difference(expected: Readable, actual: Readable, view: View) -> DiffAnswer:
    """The coarsest answer, which is always possible: all lines removed, all added, none shown."""
    reading = Reading.of(expected.read(0, HEAD), actual.read(0, HEAD))
    counts = DiffSummary(
        added_lines=count_lines(actual, reading), removed_lines=count_lines(expected, reading), changed_hunks=1)
    return DiffAnswer(Precision.COARSE, True, counts, b'""' if view.unified else b"[]", None, reading.bom)
