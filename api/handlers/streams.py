"""The log of a run as it arrives: server-sent events with ids, resumed exactly, ended when the run is over and all is sent."""
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.domain.log_cursor import FINGERPRINT_BYTES, LogPlace, fingerprint, make_cursor, read_cursor
from api.domain.run import Run, RunStatus
from api.domain.signing import SigningKey
from api.handlers import context
from api.handlers.answers import encode
from api.handlers.following import Follower
from api.handlers.logs import log_line, subject_of
from api.handlers.stream_permits import permitted_until
from api.handlers.stream_seats import StreamSeats
from api.storage import logs, names, runs
from api.storage.archive import Archive
from api.storage.enrolment import catch_up
from api.storage.logs import Readable

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
LOOK_EVERY = 0.5
PING_EVERY = 15.0
AT_ONCE = 500
RETRY = b"retry: 3000\n\n"
PING = b": ping\n\n"


@dataclass(frozen=True, slots=True)
class Step:
    """What one look at the log found: events to send, the place behind them, and the run's status once nothing will follow."""

    events: bytes
    place: LogPlace
    known_by: bytes
    end: RunStatus | None
    more: bool


async def stream_run_log(
    request: Request, run_id: int, last_event_id: str | None = None, timeout: int | None = None,
) -> Response:
    """Send the lines of a run's log as they arrive, until the run is over and all is sent."""
    seats, user_id = context.collaborator(StreamSeats), context.caller().user_id
    seats.check(user_id)
    resumed = last_event_id or request.headers.get("last-event-id")
    place, known_by = await context.in_thread(_start, run_id, resumed)
    step = await context.in_thread(_look, run_id, place, known_by)
    if resumed and step.end is not None and not step.events:
        return Response(status_code=204)
    return StreamingResponse(_permitted(seats.taken(user_id), run_id, step, timeout), media_type="text/event-stream", headers=HEADERS)


def _start(run_id: int, cursor: str | None) -> tuple[LogPlace, bytes]:
    catch_up(context.now())
    runs.load_run(run_id)
    if not cursor:
        return LogPlace(), fingerprint(b"", 0)
    return read_cursor(cursor, subject_of(run_id), context.collaborator(SigningKey), named="last_event_id")


async def _permitted(seat: AbstractContextManager[None], run_id: int, step: Step, timeout: int | None) -> AsyncIterator[bytes]:
    lost = asyncio.Event()
    with seat, permitted_until(lost.set):
        async for event in _events(run_id, step, timeout, lost):
            yield event


async def _events(run_id: int, step: Step, timeout: int | None, lost: asyncio.Event) -> AsyncIterator[bytes]:
    clock = asyncio.get_running_loop().time
    until = None if timeout is None else clock() + timeout
    spoken = clock()
    yield RETRY
    while not lost.is_set():
        if step.events:
            yield step.events
            spoken = clock()
        elif clock() - spoken >= PING_EVERY:
            yield PING
            spoken = clock()
        if step.end is not None:
            yield b"event: end\ndata: " + encode({"type": "end", "status": step.end.value}) + b"\n\n"
            return
        if until is not None and clock() >= until or context.collaborator(Follower).is_closing:
            return
        if not step.more:
            await asyncio.sleep(LOOK_EVERY if until is None else max(0.0, min(LOOK_EVERY, until - clock())))
        step = await context.in_thread(_look, run_id, step.place, step.known_by)


def _look(run_id: int, place: LogPlace, known_by: bytes) -> Step:
    # The run is asked first: a log that is whole when its run is over was whole before.
    catch_up(context.now())
    run = runs.load_run(run_id)
    with context.collaborator(Archive).hold(names.log_name(run_id)) as log:
        if log is None:
            return Step(b"", place, known_by, run.status if run.status.is_over else None, more=False)
        return _read_on(run, log, place, known_by)


def _read_on(run: Run, log: Readable, place: LogPlace, known_by: bytes) -> Step:
    over = run.status if run.status.is_over else None
    beginning = log.read(0, FINGERPRINT_BYTES)
    if place.offset > log.size or fingerprint(beginning, place.offset) != known_by:
        # Another log has taken the place of the one that was being read, so it is read from its start.
        place = LogPlace()
    events = []
    for entry in islice(logs.entries(log, place, grows=over is None), AT_ONCE):
        place = entry.after
        known_by = fingerprint(beginning, place.offset)
        cursor = make_cursor(place, subject_of(run.run_id), known_by, context.collaborator(SigningKey))
        events.append(b"id: %b\nevent: line\ndata: %b\n\n" % (cursor.encode(), encode(log_line(run, entry.line))))
    more = len(events) == AT_ONCE
    return Step(b"".join(events), place, fingerprint(beginning, place.offset), None if more else over, more)
