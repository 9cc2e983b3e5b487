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
from api.streaming.reauthorization import call_on_revocation
from api.streaming.stream_limits import StreamLimits

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
BEGINNING = StreamPlace(1, 0)


class JobStream(Response):
    """The events of a job from a position on, or without one from its log's current end; it ends when the client disconnects."""

    media_type = "text/event-stream"

    def __init__(
        self, follower: Follower, slot: AbstractContextManager[None], job: Job, start: StreamPlace | None, *, send_job_id: bool,
        timeout: float | None,
    ) -> None:
        self.status_code, self.background, self.body = 200, None, b""
        self.init_headers(HEADERS)
        del self.headers["content-length"]
        self._follower, self._slot, self._job, self._start = follower, slot, job, start
        self._send_job_id, self._timeout = send_job_id, timeout
        self._task: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the stream ends or the client disconnects."""
        with self._slot:
            await self._stream(receive, send)

    async def _stream(self, receive: Receive, send: Send) -> None:
        self._task = asyncio.current_task()
        late = self._start is None and self._job.status.is_finished
        last = (await self._follower.end_of(self._job)).late_events if late else []
        place = self._start or BEGINNING if late or self._start else await self._follower.current_end(self._job)
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        subscriber = self._follower.join(self._job, place, send, self._fail)
        with ExitStack() as ended:
            ended.callback(self._follower.leave, subscriber)
            ended.enter_context(call_on_revocation(subscriber.end))
            # A client of new text only must learn its position first.
            begun = opening(place if self._start is None and not late else None)
            subscriber.enqueue(begun, *([job_id_event(self._job.job_id)] if self._send_job_id else []), *last)
            if late:
                subscriber.end()
            elif self._timeout is not None:
                subscriber.timer = asyncio.get_running_loop().call_later(self._timeout, subscriber.end)
            await self._until_gone(receive)

    async def _until_gone(self, receive: Receive) -> None:
        # The server sends this message also when the response is complete.
        try:
            while (await receive())["type"] != "http.disconnect":
                pass
        except asyncio.CancelledError:
            if self._failure is not None:
                raise self._failure from None
            raise

    def _fail(self, broken: BaseException) -> None:
        self._failure = broken
        if self._task is not None:
            self._task.cancel()


def follow(job: Job, start: StreamPlace | None, *, send_job_id: bool, timeout: float | None) -> Response:
    """The stream of a job's log from a position on, or from its current end; `send_job_id`: the job's id is the first event."""
    if request_context.is_head_request():
        return Response(headers=HEADERS, media_type=JobStream.media_type)
    slot = request_context.collaborator(StreamLimits).acquire(request_context.caller().user_id)
    return JobStream(request_context.collaborator(Follower), slot, job, start, send_job_id=send_job_id, timeout=timeout)


def check_open_limit() -> None:
    """Raise TooMany where the caller has too many streams."""
    request_context.collaborator(StreamLimits).check(request_context.caller().user_id)


async def stream_job(
    request: Request, job_id: str, from_beginning: str = "false", last_event_id: str | None = None, timeout: int | None = None,
) -> Response:
    """Stream the log of a job until it has finished and all is sent."""
    check_open_limit()
    resumed = last_event_id or request.headers.get("last-event-id")
    place = parse_event_id(resumed) if resumed else None
    job = visible(await request_context.in_thread(load_job, job_id), request_context.caller())
    if place is not None and job.status.is_finished and place >= (await request_context.collaborator(Follower).end_of(job)).place:
        return Response(status_code=204)
    start = place or (BEGINNING if is_yes(from_beginning) else None)
    return follow(job, start, send_job_id=False, timeout=timeout)
