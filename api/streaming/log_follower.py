"""Follows the logs of jobs for all streams of a process, with one poll of files, one database query and one ping timer."""
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from itertools import islice
from typing import ParamSpec, TypeVar

from api.domain.jobs.event_stream import End, Frame, StreamPlace, after_attempt, attempt_event, newer
from api.domain.jobs.job import Job
from api.storage.jobs.files import JobFiles
from api.storage.jobs.logs import Question, find_attempt, look, present_end, read_frame
from api.streaming.log_watch import LogWatch
from api.streaming.shared_tail import Gap, Tail
from api.streaming.shutdown import on_stop_signal
from api.streaming.subscribers import Send, Subscriber
from api.streaming.wake_event import WakeEvent
from api.supervision.supervision import Supervise, Supervision, run_forever

P = ParamSpec("P")
T = TypeVar("T")
LoadChanged = Callable[[Mapping[str, Job]], Mapping[str, Job | None]]
STATES_EVERY = 0.1
# The database is asked no more often than this many times as long as it takes to answer.
STATES_SHARE = 50
# One slow answer, of a database that was away for a moment, must not keep the ends of jobs from those who watch.
STATES_AT_LEAST_EVERY = 2.0
# Those who watch wait for as long once a fault is over.
LONGEST_PAUSE = 5.0
PING_EVERY = 15.0
# Many who came together are not all served together, so that no request in between has to wait for them.
PINGS_AT_ONCE = 25
PINGS_PAUSE = 0.02
READERS = 3


class Followed:
    """A job that is watched: its newest state, and the tails of those of its attempts that somebody reads."""

    __slots__ = ("job", "subscribers", "tails")

    def __init__(self, job: Job) -> None:
        self.job = job
        self.tails: dict[int, Tail] = {}
        self.subscribers: list[Subscriber] = []


class Follower:
    """Follows the logs of all jobs that are watched in this process.

    `load_changed` tells which of the jobs that it is given are not as they were, None for one that is gone; it blocks.
    """

    def __init__(
        self, files: JobFiles, load_changed: LoadChanged, *, ping_every: float = PING_EVERY,
        supervise: Supervise = Supervision,
    ) -> None:
        self._files, self._load_changed, self.ping_every = files, load_changed, ping_every
        # Without them all streams of the process would stand still.
        self._log_watch, self._states, self._pinging = (
            supervise(name, longest_pause=LONGEST_PAUSE) for name in ("job_logs", "job_states", "job_pings"))
        self._states_pause = STATES_EVERY
        self._followed: dict[str, Followed] = {}
        # Whom to ping when, the next one first.
        self._pings: dict[Subscriber, float] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self.is_closing = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow as long as the context lasts; at its end all streams end."""
        self._loop, self.is_closing = asyncio.get_running_loop(), False
        self._states_wake_event, self._pings_wake_event = WakeEvent(), WakeEvent()
        self._reading, self._asking = ThreadPoolExecutor(READERS, "log-reader"), ThreadPoolExecutor(1, "job-states")
        self.logs = LogWatch(partial(look, self._files), self._reading)
        tasks = [asyncio.create_task(each) for each in (
            run_forever(self._log_watch, self.logs.rest, self.logs.watch), run_forever(self._states, self._rest, self._watch_states),
            run_forever(self._pinging, self._await_ping, self._ping))]
        try:
            with on_stop_signal(self.close):
                yield
        finally:
            self.close()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            for pool in (self._reading, self._asking):
                pool.shutdown(wait=False, cancel_futures=True)

    @property
    def watching(self) -> int:
        """How many streams there are."""
        return len(self._pings)

    def wake(self) -> None:
        """Look soon at what the database says, since something was changed; from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._states_wake_event.wake)

    def close(self) -> None:
        """End all streams, without their last event: clients come back, here or elsewhere. On the event loop only."""
        self.is_closing = True
        for subscriber in tuple(self._pings):
            subscriber.end()

    def join(self, job: Job, place: StreamPlace, send: Send, failed: Callable[[BaseException], None]) -> Subscriber:
        """Watch a job from a place on; to be left by `leave`."""
        followed = self._followed.setdefault(job.job_id, Followed(job))
        followed.job = newer(followed.job, job)
        subscriber = Subscriber(self, followed, place, send, failed)
        followed.subscribers.append(subscriber)
        self._pings[subscriber] = asyncio.get_running_loop().time() + self.ping_every
        self._states_wake_event.wake()
        self._pings_wake_event.wake()
        if self.is_closing:
            subscriber.end()
        return subscriber

    def leave(self, subscriber: Subscriber) -> None:
        """Watch no longer."""
        subscriber.leave()
        self._pings.pop(subscriber, None)
        followed: Followed = subscriber.subject
        for tail in tuple(followed.tails.values()):
            self._release(tail, subscriber)
        if subscriber in followed.subscribers:
            followed.subscribers.remove(subscriber)
        if not followed.subscribers:
            self._followed.pop(followed.job.job_id, None)

    def next_for(self, subscriber: Subscriber) -> Frame | Gap | None:
        """What comes next for a watcher."""
        followed: Followed = subscriber.subject
        job, attempt = followed.job, subscriber.place.attempt
        if attempt > job.attempt:
            if job.status.is_finished:
                self._finish(subscriber, End(job, 0, in_line=False))
            return None
        tail = self._tail(followed, attempt, subscriber)
        found = tail.next_for(subscriber.place)
        if found is None and tail.is_at_end(subscriber.place):
            self._go_on(subscriber, followed, tail)
        elif found is None and tail.has_more():
            self.logs.refresh(tail)
        return found

    async def read(self, gap: Gap) -> Frame | None:
        """Read a piece of a log for one watcher alone."""
        return await self._in_thread(read_frame, gap.files.log, gap.place, gap.limit)

    async def present_end(self, job: Job) -> StreamPlace:
        """Where the newest attempt's log ends now."""
        if not job.attempt:
            return StreamPlace(1, 0)
        return StreamPlace(job.attempt, await self._in_thread(present_end, find_attempt(self._files, job, job.attempt)))

    async def end_of(self, job: Job) -> End:
        """What follows the log of a job that is over."""
        if not job.attempt:
            return End(job, 0, in_line=False)
        found = await self._in_thread(look, self._files, Question(job, job.attempt, closing=True, overdue=True))
        return End(job, found.size, found.in_line)

    async def _in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._reading, partial(work, *args, **kwargs))

    def _tail(self, followed: Followed, attempt: int, subscriber: Subscriber) -> Tail:
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

    def _go_on(self, subscriber: Subscriber, followed: Followed, tail: Tail) -> None:
        """At the end of an attempt's whole log: to the next attempt, or to the end of all, once there is one."""
        following = after_attempt(followed.job, tail.attempt)
        if following is not None:
            subscriber.place = following
            self._release(tail, subscriber)
            subscriber.say(attempt_event(following.attempt, in_line=tail.in_line))
        elif followed.job.status.is_finished:
            self._finish(subscriber, End(followed.job, tail.final or 0, tail.in_line))

    def _finish(self, subscriber: Subscriber, end: End) -> None:
        subscriber.say(*end.events_after(subscriber.place))
        subscriber.end()

    async def _rest(self) -> None:
        await self._states_wake_event.sleep(self._states_pause if self._unfinished() else None)

    async def _watch_states(self) -> None:
        wanted = self._unfinished()
        if not wanted:
            return
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        changed = await loop.run_in_executor(self._asking, self._load_changed, wanted)
        self._states_pause = pause_after(loop.time() - asked_at)
        self._learn(changed)

    def _unfinished(self) -> dict[str, Job]:
        return {job_id: followed.job for job_id, followed in self._followed.items() if not followed.job.status.is_finished}

    def _learn(self, changed: Mapping[str, Job | None]) -> None:
        for job_id, job in changed.items():
            followed = self._followed.get(job_id)
            if followed is None:
                continue
            if job is None:
                # The job was deleted.
                for subscriber in followed.subscribers:
                    subscriber.end()
            else:
                self._change(followed, newer(followed.job, job))

    def _change(self, followed: Followed, job: Job) -> None:
        followed.job = job
        for tail in followed.tails.values():
            self.logs.refresh(tail)
        for subscriber in followed.subscribers:
            subscriber.wake()

    async def _await_ping(self) -> None:
        first = next(iter(self._pings.values()), None)
        await self._pings_wake_event.sleep(None if first is None else max(PINGS_PAUSE, first - asyncio.get_running_loop().time()))

    async def _ping(self) -> None:
        now = asyncio.get_running_loop().time()
        for subscriber, due in tuple(islice(self._pings.items(), PINGS_AT_ONCE)):
            if due <= now:
                del self._pings[subscriber]
                self._pings[subscriber] = now + self.ping_every
                subscriber.ping()


def pause_after(seconds: float) -> float:
    """How long the database is left alone after an answer that took so long."""
    return min(max(STATES_EVERY, STATES_SHARE * seconds), STATES_AT_LEAST_EVERY)
