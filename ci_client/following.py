"""Follows a job's log, and reconnects where it broke off."""
from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

import httpx

from ci_client.connection import Connection
from ci_client.errors import Refused, Unreachable
from ci_client.events import Event, Frame, FrameReader, MalformedStream
from ci_client.job_id import checked_id
from ci_client.retry_delay import Backoff

# The server pings every 15 seconds; after four missing pings the connection counts as broken.
SILENCE_SECONDS = 60.0
FIRST_PAUSE = 1.0


class Follower:
    """Follows one job's log. It resumes at the last event that it has seen."""

    def __init__(self, connection: Connection, job_id: str | None, *, place: str | None = None, from_beginning: bool = False) -> None:
        self._connection = connection
        self._job_id = job_id
        self._place = place
        self._from_beginning = from_beginning
        self._retry = FIRST_PAUSE
        self._back_off = Backoff(connection.retries)
        # Text after the last position, without a position of its own: the server sends it again after a reconnect.
        self._unplaced = ""
        self._again = ""

    def events(self, response: httpx.Response | None = None) -> Iterator[Event]:
        """The events up to the last one, from this answer on if there is one. Raises Refused, Unreachable."""
        answer = response or self._open()
        while answer is not None:
            for event in self._read(answer):
                yield event
                if event["type"] == "complete":
                    return
            answer = self._reconnect()
        yield self._outcome()

    def _open(self) -> httpx.Response | None:
        """Open the stream at the last position; None where all was sent."""
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": self._place} if self._place else {})}
        wanted = {"from_beginning": "true"} if self._from_beginning and not self._place else None
        path = f"/jobs/{self._job_id}/stream"
        response = self._connection.open("GET", path, read_seconds=SILENCE_SECONDS, headers=headers, params=wanted)
        if response.status_code == HTTPStatus.NO_CONTENT:
            response.close()
            return None
        return response

    def _read(self, response: httpx.Response) -> Iterator[Event]:
        """The events of one connection, until it ends or breaks."""
        reader = FrameReader()
        try:
            for piece in response.iter_bytes():
                for frame in reader.feed(piece):
                    yield from self._take(frame)
            self._back_off.reached()
        except httpx.RequestError:
            self._back_off.reached()
        except MalformedStream:
            # Repeated text does not count as progress.
            pass
        finally:
            response.close()

    def _take(self, frame: Frame) -> Iterator[Event]:
        self._retry = self._retry if frame.retry is None else frame.retry
        if frame.events or frame.has_comment:
            self._back_off.succeeded()
        if frame.place is not None:
            self._place, self._unplaced, self._again = frame.place, "", ""
        for event in frame.events:
            if event["type"] == "job_id":
                self._job_id = checked_id(str(event.get("job_id")))
            if event["type"] == "log" and frame.place is None:
                event = self._without_repeated(event)
            if event.get("data") != "":
                yield event

    def _without_repeated(self, event: Event) -> Event:
        """A log event without the text that was received before the reconnect."""
        text = str(event.get("data", ""))
        if self._again.startswith(text):
            self._again = self._again[len(text):]
            return {**event, "data": ""}
        if self._again and text.startswith(self._again):
            text = text[len(self._again):]
        self._again = ""
        if self._place or self._from_beginning:
            self._unplaced += text
        return {**event, "data": text}

    def _reconnect(self) -> httpx.Response | None:
        """Reconnect, with retries; None where all was sent."""
        if self._job_id is None:
            raise Unreachable("The connection broke before the server told the job's id. `ci list` shows whether there is one.")
        self._connection.notice("The connection broke; the job goes on, and this comes back to it.")
        self._again = self._unplaced
        at_least = 0.0
        while True:
            pause = self._back_off.next_pause(self._retry, at_least)
            if pause is None:
                raise Unreachable(f"The server is away for too long. The job goes on; come back with: ci wait {self._job_id}")
            self._back_off.pause_for(pause)
            try:
                return self._open()
            except Unreachable:
                at_least = 0.0
            except Refused as refused:
                if refused.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise
                at_least = refused.retry_after or 0.0

    def _outcome(self) -> Event:
        """The last event, made from the job's state where the stream has ended."""
        job = self._connection.ask("GET", f"/jobs/{self._job_id}")
        success = job.get("success") if isinstance(job, dict) else None
        if not isinstance(success, bool):
            raise Unreachable(f"The server sent all of the log, but does not say how the job ended. See: ci wait {self._job_id}")
        return {"type": "complete", "success": success}
