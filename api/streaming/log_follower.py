"""Follows the logs of jobs for all streams of a process, with one poll of files, one database query and one ping timer."""
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from itertools import islice
from typing import ParamSpec, TypeVar

from starlette.types import Send

from api.domain.jobs.event_stream import End, Frame, StreamPlace, after_attempt, attempt_event, newer
from api.domain.jobs.job import Job
from api.storage.jobs.attempt_logs import AttemptLogs
from api.storage.jobs.logs import current_end, end_of_log, read_frame
from api.streaming.log_watch import LogWatch
from api.streaming.shared_tail import Gap, Tail
from api.streaming.shutdown import on_stop_signal
from api.streaming.subscribers import Subscriber
from api.streaming.wake_event import WakeEvent
from api.supervision.supervision import Supervise, Supervision, run_forever

P = ParamSpec("P")
T = TypeVar("T")
LoadChanged = Callable[[Mapping[str, Job]], Mapping[str, Job | None]]
STATES_INTERVAL = 0.1
# The interval between queries is at least this many times the duration of the last one.
STATES_BACKOFF = 50
# A single slow query must not delay the end of streams for long.
MAX_STATES_INTERVAL = 2.0
# The longest pause after failures, which is how late streams resume.
MAX_PAUSE = 5.0
PING_INTERVAL = 15.0
# Pings of many streams are sent in batches, so that other requests need not wait for all of them.
PING_BATCH_SIZE = 25
PING_BATCH_PAUSE = 0.02
READERS = 3


class FollowedJob:
    """A job with subscribers: its newest state, and the tails of the attempts that they read."""

    __slots__ = ("job", "subscribers", "tails")

    def __init__(self, job: Job) -> None:
        self.job = job
        self.tails: dict[int, Tail] = {}
        self.subscribers: list[Subscriber] = []


class Follower:
    """Follows the logs of all jobs that have streams in this process.

    `load_changed` returns those of the given jobs that have changed, None for a deleted one; it blocks.
    """

    def __init__(
        self, logs: AttemptLogs, load_changed: LoadChanged, *, ping_interval: float = PING_INTERVAL,
        supervise: Supervise = Supervision,
    ) -> None:
        self._stored, self._load_changed, self.ping_interval = logs, load_changed, ping_interval
        # Without these tasks all streams of the process would stall.
        self._log_watch, self._states, self._ping_supervision = (
            supervise(name, max_pause=MAX_PAUSE) for name in ("job_logs", "job_states", "job_pings"))
        self._states_pause = STATES_INTERVAL
        self._followed: dict[str, FollowedJob] = {}
        # When each subscriber is due for a ping, the next one first.
        self._pings: dict[Subscriber, float] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self.is_closing = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow logs while the context lasts; at its end all streams end."""
        self._loop, self.is_closing = asyncio.get_running_loop(), False
        self._states_wake_event, self._pings_wake_event = WakeEvent(), WakeEvent()
        self._reader_threads, self._states_thread = ThreadPoolExecutor(READERS, "log-reader"), ThreadPoolExecutor(1, "job-states")
        self.logs = LogWatch(self._stored, self._reader_threads)
        tasks = [asyncio.create_task(each) for each in (
            run_forever(self._log_watch, self.logs.wait, self.logs.poll),
            run_forever(self._states, self._await_states_poll, self._poll_states),
            run_forever(self._ping_supervision, self._await_ping, self._ping))]
        try:
            with on_stop_signal(self.close):
                yield
        finally:
            self.close()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            for pool in (self._reader_threads, self._states_thread):
                pool.shutdown(wait=False, cancel_futures=True)

    @property
    def stream_count(self) -> int:
        """The number of open streams."""
        return len(self._pings)

    def wake(self) -> None:
        """Query the database soon, since a job has changed. Thread-safe."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._states_wake_event.wake)

    def close(self) -> None:
        """End all streams without a last event, so that clients reconnect. Call it on the event loop."""
        self.is_closing = True
        for subscriber in tuple(self._pings):
            subscriber.end()

    def join(self, job: Job, place: StreamPlace, send: Send, failed: Callable[[Exception], None]) -> Subscriber:
        """Subscribe to a job from a position on, until `leave`."""
        followed = self._followed.setdefault(job.job_id, FollowedJob(job))
        followed.job = newer(followed.job, job)
        subscriber = Subscriber(self, followed, place, send, failed)
        followed.subscribers.append(subscriber)
        self._pings[subscriber] = asyncio.get_running_loop().time() + self.ping_interval
        self._states_wake_event.wake()
        self._pings_wake_event.wake()
        if self.is_closing:
            subscriber.end()
        return subscriber

    def leave(self, subscriber: Subscriber) -> None:
        """Unsubscribe."""
        subscriber.leave()
        self._pings.pop(subscriber, None)
        followed: FollowedJob = subscriber.subject
        for tail in tuple(followed.tails.values()):
            self._release(tail, subscriber)
        if subscriber in followed.subscribers:
            followed.subscribers.remove(subscriber)
        if not followed.subscribers:
            self._followed.pop(followed.job.job_id, None)

    def next_for(self, subscriber: Subscriber) -> Frame | Gap | None:
        """The next frame for a subscriber."""
        followed: FollowedJob = subscriber.subject
        job, attempt = followed.job, subscriber.place.attempt
        if attempt > job.attempt:
            if job.status.is_finished:
                self._finish(subscriber, End(job, 0, is_mid_line=False))
            return None
        tail = self._tail(followed, attempt, subscriber)
        found = tail.next_for(subscriber.place)
        if found is None and tail.is_at_end(subscriber.place):
            self._enter_next_attempt(subscriber, followed, tail)
        elif found is None and tail.has_more():
            self.logs.refresh(tail)
        return found

    async def read(self, gap: Gap) -> Frame | None:
        """Read a part of a log for one subscriber alone."""
        return await self._in_thread(read_frame, self._stored, gap.log, gap.place, gap.limit)

    async def current_end(self, job: Job) -> StreamPlace:
        """Where the newest attempt's log ends now."""
        if not job.attempt:
            return StreamPlace(1, 0)
        return StreamPlace(job.attempt, await self._in_thread(current_end, self._stored, job))

    async def end_of(self, job: Job) -> End:
        """The events after the log of a finished job."""
        if not job.attempt:
            return End(job, 0, is_mid_line=False)
        found = await self._in_thread(end_of_log, self._stored, job)
        return End(job, found.size, found.is_mid_line)

    async def _in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._reader_threads, partial(work, *args, **kwargs))

    def _tail(self, followed: FollowedJob, attempt: int, subscriber: Subscriber) -> Tail:
        tail = followed.tails.get(attempt)
        if tail is None:
            tail = followed.tails[attempt] = Tail(followed, attempt)
        if subscriber not in tail.readers:
            tail.readers.append(subscriber)
        return tail

    def _release(self, tail: Tail, subscriber: Subscriber) -> None:
        if subscriber in tail.readers:
            tail.readers.remove(subscriber)
        if not tail.readers:
            self.logs.forget(tail)
            self._followed[tail.subject.job.job_id].tails.pop(tail.attempt, None)

    def _enter_next_attempt(self, subscriber: Subscriber, followed: FollowedJob, tail: Tail) -> None:
        """After the whole log of an attempt, go on with the next attempt, or end once the job has finished."""
        following = after_attempt(followed.job, tail.attempt)
        if following is not None:
            subscriber.place = following
            self._release(tail, subscriber)
            subscriber.enqueue(attempt_event(following.attempt, is_mid_line=tail.is_mid_line))
        elif followed.job.status.is_finished:
            self._finish(subscriber, End(followed.job, tail.final or 0, tail.is_mid_line))

    def _finish(self, subscriber: Subscriber, end: End) -> None:
        subscriber.enqueue(*end.events_after(subscriber.place))
        subscriber.end()

    async def _await_states_poll(self) -> None:
        await self._states_wake_event.sleep(self._states_pause if self._unfinished() else None)

    async def _poll_states(self) -> None:
        wanted = self._unfinished()
        if not wanted:
            return
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        changed = await loop.run_in_executor(self._states_thread, self._load_changed, wanted)
        self._states_pause = pause_after(loop.time() - asked_at)
        self._apply_states(changed)

    def _unfinished(self) -> dict[str, Job]:
        return {job_id: followed.job for job_id, followed in self._followed.items() if not followed.job.status.is_finished}

    def _apply_states(self, changed: Mapping[str, Job | None]) -> None:
        for job_id, job in changed.items():
            followed = self._followed.get(job_id)
            if followed is None:
                continue
            if job is None:
                # The job was deleted.
                for subscriber in followed.subscribers:
                    subscriber.end()
            else:
                self._update_job(followed, newer(followed.job, job))

    def _update_job(self, followed: FollowedJob, job: Job) -> None:
        followed.job = job
        for tail in followed.tails.values():
            self.logs.refresh(tail)
        for subscriber in followed.subscribers:
            subscriber.wake()

    async def _await_ping(self) -> None:
        first = next(iter(self._pings.values()), None)
        await self._pings_wake_event.sleep(None if first is None else max(PING_BATCH_PAUSE, first - asyncio.get_running_loop().time()))

    async def _ping(self) -> None:
        now = asyncio.get_running_loop().time()
        for subscriber, due in tuple(islice(self._pings.items(), PING_BATCH_SIZE)):
            if due <= now:
                del self._pings[subscriber]
                self._pings[subscriber] = now + self.ping_interval
                subscriber.ping()


def pause_after(seconds: float) -> float:
    """The pause before the next query, after one that took so many seconds."""
    return min(max(STATES_INTERVAL, STATES_BACKOFF * seconds), MAX_STATES_INTERVAL)
