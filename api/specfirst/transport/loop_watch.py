"""Detects a blocked event loop, logs the operation that blocked it, and counts it."""
from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

from api.specfirst.request_context import RequestContext, current
from api.specfirst.responses.metrics import RequestMetrics

log = logging.getLogger(__name__)

STALL_SECONDS = 0.1
# A stall of this length is logged before it ends, since it may never end.
_LONG_SECONDS = 5.0
_STEP = 0.02
_PACKAGE = "api."

AnyTask = asyncio.Task[Any]


@dataclass(frozen=True)
class _Observation:
    """What blocked the loop: the operation of the request, and the frame."""

    operation_id: str | None
    place: str
    ours: bool = False


_NOTHING = _Observation(None, "a place that was left before anybody looked")


class LoopWatch:
    """A heartbeat on the loop, and a thread that samples the loop's stack when the heartbeat is late."""

    def __init__(self, request_metrics: RequestMetrics) -> None:
        self._request_metrics = request_metrics
        self._exchanges: WeakKeyDictionary[AnyTask, RequestContext] = WeakKeyDictionary()
        self._stalls: deque[tuple[float, _Observation]] = deque(maxlen=100)
        self._seen: _Observation | None = None
        self._due = 0.0
        self._ended = threading.Event()

    def enter_request(self, context: RequestContext) -> None:
        """The running task answers this request."""
        task = asyncio.current_task()
        if task is not None:
            self._exchanges[task] = context

    def leave_request(self) -> None:
        """The running task belongs to no request any more."""
        self._exchanges.pop(asyncio.current_task(), None)  # type: ignore[arg-type]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch the running loop."""
        loop = asyncio.get_running_loop()
        self._ended.clear()
        factory = loop.get_task_factory()
        loop.set_task_factory(self._task)
        self._due = monotonic()
        self._heartbeat(loop)
        thread = threading.Thread(target=self._watch, args=(loop, threading.get_ident()), name="loop-watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            loop.set_task_factory(factory)
            await asyncio.to_thread(thread.join)

    def _task(self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any] | Generator[Any, None, Any], **rest: Any) -> AnyTask:
        """A task as the loop would make it; one that a request starts is part of that request."""
        task: AnyTask = asyncio.Task(work, loop=loop, **rest)
        context = current.get(None)
        if context is not None:
            self._exchanges[task] = context
        return task

    def _heartbeat(self, loop: asyncio.AbstractEventLoop) -> None:
        now = monotonic()
        late, seen, self._seen = now - self._due, self._seen, None
        self._due = now + _STEP
        if late > STALL_SECONDS:
            self._stalls.append((late, seen or _NOTHING))
        if not self._ended.is_set():
            loop.call_later(_STEP, self._heartbeat, loop)

    def _watch(self, loop: asyncio.AbstractEventLoop, thread_id: int) -> None:
        told = False
        while not self._ended.wait(_STEP):
            due = self._due
            late = monotonic() - due
            if late > STALL_SECONDS and self._seen is None:
                seen = self._observe(loop, thread_id)
                # A heartbeat that came meanwhile has begun a new count, which this does not belong to.
                self._seen = seen if self._due == due else None
            if late > _LONG_SECONDS and not told:
                _log_stall(logging.ERROR, late, self._seen or _NOTHING, "has stood still")
            told = late > _LONG_SECONDS
            self._count_all()
        # The last stall may be as new as the end.
        self._count_all()

    def _count_all(self) -> None:
        while self._stalls:
            self._count(*self._stalls.popleft())

    def _count(self, seconds: float, seen: _Observation) -> None:
        self._request_metrics.stalled(seen.operation_id)
        # If none of our code was running, the host had no time for this process.
        _log_stall(logging.WARNING if seen.ours else logging.INFO, seconds, seen, "stood still")

    def _observe(self, loop: asyncio.AbstractEventLoop, thread_id: int) -> _Observation:
        task = asyncio.current_task(loop)
        context = self._exchanges.get(task) if task is not None else None
        innermost = sys._current_frames().get(thread_id)
        own = _innermost_own_frame(innermost)
        place = _place(own or innermost)
        return _Observation(context.operation_id if context else None, place, ours=context is not None or own is not None)


def _innermost_own_frame(frame: FrameType | None) -> FrameType | None:
    """The innermost frame of our own code."""
    while frame is not None and not frame.f_globals.get("__name__", "").startswith(_PACKAGE):
        frame = frame.f_back
    return frame


def _place(frame: FrameType | None) -> str:
    return f"{frame.f_globals.get('__name__')}:{frame.f_lineno} ({frame.f_code.co_name})" if frame else _NOTHING.place


def _log_stall(level: int, seconds: float, seen: _Observation, what: str) -> None:
    duration = round(seconds * 1000)
    message = f"the event loop {what} for {duration} ms in {seen.operation_id or 'no operation'}, at {seen.place}"
    log.log(level, message, extra={"fields": {"operation": seen.operation_id, "duration_ms": duration}})
