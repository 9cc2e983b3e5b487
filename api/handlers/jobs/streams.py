"""The log of a job as server-sent events, which clients can resume by the id of an event."""
from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Send

from api.domain.jobs.event_stream import StreamPlace, is_yes, job_id_event, opening, parse_event_id
from api.domain.jobs.job import Job, visible
from api.specfirst import request_context
from api.specfirst.responses.open_stream import StreamResponse
from api.storage.jobs.jobs import load_job
from api.streaming.log_follower import Follower
from api.streaming.reauthorization import WatchedStream, watched_stream
from api.streaming.stream_limits import Slot, StreamLimits
from api.streaming.subscribers import ServerTask, Subscriber

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
BEGINNING = StreamPlace(1, 0)
# How many times one limit the programs of this machine that show no token may have open together.
ANONYMOUS_SHARE = 10


@dataclass(slots=True)
class JobStream:
    """The events of a job from a position on, behind the first events; `ends` after those, or after the timeout."""

    follower: Follower
    job: Job
    place: StreamPlace
    first: list[bytes]
    ends: bool
    timeout: float | None
    slot: Slot
    watched: WatchedStream

    async def run(self, receive: Receive, send: Send) -> None:
        """Send until the stream ends or the client disconnects."""
        task = ServerTask()
        subscriber = self._join(send, task)
        self.watched.end = subscriber.end
        with self.slot, self.watched:
            try:
                await task.wait(receive)
            finally:
                self.follower.leave(subscriber)

    def _join(self, send: Send, task: ServerTask) -> Subscriber:
        subscriber = self.follower.join(self.job, self.place, send, task.fail)
        subscriber.enqueue(*self.first)
        self.first = []
        if self.ends:
            subscriber.end()
        elif self.timeout is not None:
            subscriber.timer = asyncio.get_running_loop().call_later(self.timeout, subscriber.end)
        return subscriber


async def follow(job: Job, start: StreamPlace | None, *, send_job_id: bool, timeout: float | None) -> Response:
    """The stream of a job's log from a position on, or from its current end; `send_job_id`: the job's id is the first event."""
    if request_context.is_head_request():
        return Response(headers=HEADERS, media_type=StreamResponse.media_type)
    follower, limits = request_context.collaborator(Follower), request_context.collaborator(StreamLimits)
    keys: tuple[int | str, ...] = (request_context.caller().user_id, *([job.job_id] if request_context.is_anonymous() else []))
    late = start is None and job.status.is_finished
    last = (await follower.end_of(job)).late_events if late else []
    place = start or BEGINNING if late or start else await follower.current_end(job)
    # A client of new text only must learn its position first.
    first = [opening(place if start is None and not late else None), *([job_id_event(job.job_id)] if send_job_id else []), *last]
    return StreamResponse(
        JobStream(follower, job, place, first, late, timeout, limits.acquire(*keys), watched_stream()), HEADERS)


def check_open_limit(job_id: str | None = None) -> None:
    """Raise TooMany where the caller has too many streams.

    Programs without a token are one account's; so that none keeps the others out, each job has a limit of its own then.
    """
    limits, user_id = request_context.collaborator(StreamLimits), request_context.caller().user_id
    if not request_context.is_anonymous():
        limits.check(user_id)
        return
    limits.check(user_id, times=ANONYMOUS_SHARE)
    if job_id is not None:
        limits.check(job_id)


async def stream_job(
    request: Request, job_id: str, from_beginning: str = "false", last_event_id: str | None = None, timeout: int | None = None,
) -> Response:
    """Stream the log of a job until it has finished and all is sent."""
    check_open_limit(job_id)
    resumed = last_event_id or request.headers.get("last-event-id")
    place = parse_event_id(resumed) if resumed else None
    job = visible(await request_context.in_thread(load_job, job_id), request_context.caller())
    if place is not None and job.status.is_finished and place >= (await request_context.collaborator(Follower).end_of(job)).place:
        return Response(status_code=204)
    start = place or (BEGINNING if is_yes(from_beginning) else None)
    return await follow(job, start, send_job_id=False, timeout=timeout)
