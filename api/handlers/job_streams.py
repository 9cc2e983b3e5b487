"""The log of a job as server-sent events, which clients can resume by the id of an event."""
from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager, ExitStack

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.domain.jobs.event_stream import StreamPlace, is_yes, job_id_event, opening, parse_event_id
from api.domain.jobs.job import Job, visible
from api.specfirst import request_context
from api.storage.jobs.jobs import load_job
from api.streaming.log_follower import Follower
from api.streaming.reauthorization import permitted_until
from api.streaming.stream_limits import StreamLimits

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
BEGINNING = StreamPlace(1, 0)


class JobStream(Response):
    """The events of a job from a place on, or, without one, from its log's present end; it ends when its client leaves."""

    media_type = "text/event-stream"

    def __init__(
        self, follower: Follower, seat: AbstractContextManager[None], job: Job, start: StreamPlace | None, *, tell: bool,
        timeout: float | None,
    ) -> None:
        self.status_code, self.background, self.body = 200, None, b""
        self.init_headers(HEADERS)
        del self.headers["content-length"]
        self._follower, self._seat, self._job, self._start = follower, seat, job, start
        self._tell, self._timeout = tell, timeout
        self._task: asyncio.Task[None] | None = None
        self._broken: BaseException | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until all is sent or nobody listens."""
        with self._seat:
            await self._stream(receive, send)

    async def _stream(self, receive: Receive, send: Send) -> None:
        self._task = asyncio.current_task()
        late = self._start is None and self._job.status.is_finished
        last = (await self._follower.end_of(self._job)).late_events if late else []
        place = self._start or BEGINNING if late or self._start else await self._follower.present_end(self._job)
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        subscriber = self._follower.join(self._job, place, send, self._fail)
        with ExitStack() as ended:
            ended.callback(self._follower.leave, subscriber)
            ended.enter_context(permitted_until(subscriber.end))
            # Who wants only what is new has to know from where on it is new.
            begun = opening(place if self._start is None and not late else None)
            subscriber.say(begun, *([job_id_event(self._job.job_id)] if self._tell else []), *last)
            if late:
                subscriber.end()
            elif self._timeout is not None:
                subscriber.timer = asyncio.get_running_loop().call_later(self._timeout, subscriber.end)
            await self._until_gone(receive)

    async def _until_gone(self, receive: Receive) -> None:
        # A server says that the client is gone also when all was sent.
        try:
            while (await receive())["type"] != "http.disconnect":
                pass
        except asyncio.CancelledError:
            if self._broken is not None:
                raise self._broken from None
            raise

    def _fail(self, broken: BaseException) -> None:
        self._broken = broken
        if self._task is not None:
            self._task.cancel()


def follow(job: Job, start: StreamPlace | None, *, tell: bool, timeout: float | None) -> Response:
    """The stream of a job's log from a place on, or from its present end; `tell`: the job's id is the first event."""
    if request_context.wants_headers_alone():
        return Response(headers=HEADERS, media_type=JobStream.media_type)
    seat = request_context.collaborator(StreamLimits).taken(request_context.caller().user_id)
    return JobStream(request_context.collaborator(Follower), seat, job, start, tell=tell, timeout=timeout)


def check_open_limit() -> None:
    """Raise TooMany where the caller may open no further stream."""
    request_context.collaborator(StreamLimits).check(request_context.caller().user_id)


async def stream_job(
    request: Request, job_id: str, from_beginning: str = "false", last_event_id: str | None = None, timeout: int | None = None,
) -> Response:
    """Send the log of a job as it arrives, until the job is over and all is sent."""
    check_open_limit()
    resumed = last_event_id or request.headers.get("last-event-id")
    place = parse_event_id(resumed) if resumed else None
    job = visible(await request_context.in_thread(load_job, job_id), request_context.caller())
    if place is not None and job.status.is_finished and place >= (await request_context.collaborator(Follower).end_of(job)).place:
        return Response(status_code=204)
    start = place or (BEGINNING if is_yes(from_beginning) else None)
    return follow(job, start, tell=False, timeout=timeout)
