"""A job as the wire has it: its log in frames, from any place on."""
from __future__ import annotations

import email
import email.message
import email.policy
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from ci_client.client import RetryPolicy
from tests.ci_client.stand_in import JOB_ID, Asked, answer, stream

RETRY = b"retry: 3000\n\n"
PING = b": ping\n\n"


def frame(event: dict[str, Any], place: str | None = None) -> bytes:
    """One event as it is sent."""
    head = f"id: {place}\n" if place else ""
    return f"{head}data: {json.dumps(event)}\n\n".encode()


def log(text: str, place: str | None = None) -> bytes:
    """A piece of the log as it is sent."""
    return frame({"type": "log", "data": text}, place)


def complete(success: bool = True) -> bytes:
    """The last event as it is sent."""
    return frame({"type": "complete", "success": success})


@dataclass
class ServedJob:
    """A job whose log is served in these pieces; each connection but the last is cut behind so many bytes of the stream."""

    pieces: Sequence[str] = ("one\n", "two\n", "three\n")
    cuts: list[int] = field(default_factory=list)
    success: bool = True
    reason: str = ""
    chunked: bool = False
    noise: bytes = PING

    def __call__(self, asked: Asked) -> Iterable[bytes]:
        """What the job service answers."""
        if asked.path in ("/submit-stream", f"/jobs/{JOB_ID}/stream"):
            return self._stream(asked)
        if asked.path == "/submit-async":
            return answer(200, {"job_id": JOB_ID})
        return answer(200, {"job_id": JOB_ID, "status": "completed", "success": self.success})

    def _stream(self, asked: Asked) -> Iterable[bytes]:
        told = frame({"type": "job_id", "job_id": JOB_ID}) if asked.method == "POST" else b""
        body = RETRY + told + b"".join(self._frames(int(asked.headers.get("last-event-id", "1-0").partition("-")[2])))
        if not self.cuts:
            return stream([body], chunked=self.chunked)
        return self._until(body[:self.cuts.pop(0)])

    def _until(self, body: bytes) -> Iterator[bytes]:
        whole = list(stream([body], chunked=self.chunked))
        yield from whole[:-1] if self.chunked else whole

    def _frames(self, start: int) -> Iterator[bytes]:
        ends = accumulate(len(piece.encode()) for piece in self.pieces)
        for piece, end in zip(self.pieces, ends, strict=True):
            if end > start:
                yield self.noise + log(piece, f"1-{end}")
        if self.reason:
            yield log(self.reason)
        yield complete(self.success)


class Slept:
    """A pace that does not wait, and notes how long it would have; its clock goes on by that alone."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        """Note a pause."""
        self.pauses.append(seconds)

    def retries(self, give_up_after: float = 300.0) -> RetryPolicy:
        """The pace for a client."""
        return RetryPolicy(give_up_after, clock=lambda: sum(self.pauses), sleep=self.sleep, jitter=lambda: 0.0)


def text_of(events: Iterable[dict[str, Any]]) -> str:
    """The log that events make together."""
    return "".join(event["data"] for event in events if event["type"] == "log")


def parts_of(asked: Asked) -> dict[str, bytes]:
    """The fields of a form, by their names."""
    head = f"Content-Type: {asked.headers['content-type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + asked.body, policy=email.policy.HTTP)
    parts = [part for part in message.walk() if not part.is_multipart()]
    return {str(part.get_param("name", header="content-disposition")): part.get_payload(decode=True) for part in parts}
