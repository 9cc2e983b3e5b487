"""The log of a run as server-sent events, which clients can resume by the id of an event."""
from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from time import monotonic

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Send

from api.domain.auth.signing import SigningKey
from api.domain.runs.run import Run
from api.domain.text.log_cursor import FINGERPRINT_BYTES, LogPlace, fingerprint, make_cursor, read_cursor
from api.handlers.runs.logs import log_line, subject_of
from api.services.runs import runs
from api.specfirst import request_context
from api.specfirst.responses.json_responses import encode
from api.specfirst.responses.open_stream import StreamResponse
from api.storage.files import paths
from api.storage.files.archive import Archive
from api.storage.text import logs
from api.storage.text.log_windows import Readable
from api.streaming.reauthorization import WatchedStream, watched_stream
from api.streaming.run_log_tail import LogEvent, LogSnapshot, RunLogReader, RunLogTails
from api.streaming.stream_limits import Slot, StreamLimits
from api.streaming.subscribers import ClientDisconnected, ServerTask, write

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
PING_INTERVAL = 15.0
BATCH_SIZE = 500
RETRY = b"retry: 3000\n\n"
PING = b": ping\n\n"


async def stream_run_log(
    request: Request, run_id: int, last_event_id: str | None = None, timeout: int | None = None,
) -> Response:
    """Stream the lines of a run's log until the run has finished and all are sent."""
    limits, user_id = request_context.collaborator(StreamLimits), request_context.caller().user_id
    limits.check(user_id)
    resumed = last_event_id or request.headers.get("last-event-id")
    place, log_fingerprint = await request_context.in_thread(_start, run_id, resumed)
    found = await request_context.in_thread(_read_log, run_id, place, log_fingerprint)
    if resumed and found.end is not None and not found.events:
        return Response(status_code=204)
    tails = request_context.collaborator(RunLogTails)
    reader = tails.reader(run_id, request_context.detached(partial(_read_log, run_id)))
    return StreamResponse(RunLogStream(tails, reader, found, timeout, limits.acquire(user_id), watched_stream()), HEADERS)


def _start(run_id: int, cursor: str | None) -> tuple[LogPlace, bytes]:
    runs.show_run(run_id, request_context.now())
    if not cursor:
        return LogPlace(), fingerprint(b"", 0)
    return read_cursor(cursor, subject_of(run_id), request_context.collaborator(SigningKey), named="last_event_id")


@dataclass(slots=True)
class RunLogStream:
    """The lines of a run's log behind what was found of it first."""

    tails: RunLogTails
    reader: RunLogReader
    found: LogSnapshot
    timeout: int | None
    slot: Slot
    watched: WatchedStream

    async def run(self, receive: Receive, send: Send) -> None:
        """Send until the stream ends or the client disconnects."""
        task = ServerTask()
        self.watched.end = self.reader.end
        with self.slot, self.reader, self.watched:
            sending = asyncio.create_task(self._send(send, task.fail))
            try:
                await task.wait(receive)
            finally:
                sending.cancel()

    async def _send(self, send: Send, failed: Callable[[Exception], None]) -> None:
        try:
            with suppress(ClientDisconnected):
                await self._send_all(send)
        # The server's own task raises it, where the crash handler meets it.
        except Exception as broken:
            failed(broken)

    async def _send_all(self, send: Send) -> None:
        clock, found = asyncio.get_running_loop().time, self.found
        until = float("inf") if self.timeout is None else clock() + self.timeout
        sent_at = clock()
        await write(send, RETRY)
        while not self.reader.is_ended:
            if found.events:
                await write(send, b"".join(event.data for event in found.events))
                sent_at = clock()
            elif clock() - sent_at >= PING_INTERVAL:
                await write(send, PING)
                sent_at = clock()
            if found.end is not None:
                await write(send, b"event: end\ndata: " + encode({"type": "end", "status": found.end.value}) + b"\n\n")
            if found.end is not None or clock() >= until or self.tails.is_closing:
                break
            self.found = found = await self.reader.next(found, max(0.0, min(until, sent_at + PING_INTERVAL) - clock()))
        await write(send, b"", more=False)


def _read_log(run_id: int, place: LogPlace, log_fingerprint: bytes) -> LogSnapshot:
    # The run is loaded before the log: once it has finished, the log is complete.
    read_at = monotonic()
    run = runs.show_run(run_id, request_context.now())
    with request_context.collaborator(Archive).hold(paths.log_name(run_id)) as log:
        if log is None:
            return LogSnapshot(read_at, place, log_fingerprint, end=run.status if run.status.is_finished else None)
        return _read_on(run, log, place, log_fingerprint, read_at)


def _read_on(run: Run, log: Readable, place: LogPlace, log_fingerprint: bytes, read_at: float) -> LogSnapshot:
    end = run.status if run.status.is_finished else None
    beginning = log.read(0, FINGERPRINT_BYTES)
    replaced = place.offset > log.size or fingerprint(beginning, place.offset) != log_fingerprint
    if replaced:
        # Another log has replaced the one that was being read, so it is read from its start.
        place = LogPlace()
    events = []
    for entry in islice(logs.entries(log, place, grows=end is None), BATCH_SIZE):
        start, place = place.offset, entry.after
        log_fingerprint = fingerprint(beginning, place.offset)
        cursor = make_cursor(place, subject_of(run.run_id), log_fingerprint, request_context.collaborator(SigningKey))
        data = b"id: %b\nevent: line\ndata: %b\n\n" % (cursor.encode(), encode(log_line(run, entry.line)))
        events.append(LogEvent(start, place, data))
    more = len(events) == BATCH_SIZE
    log_fingerprint = fingerprint(beginning, place.offset)
    return LogSnapshot(read_at, place, log_fingerprint, beginning, events, None if more else end, more=more, replaced=replaced)
