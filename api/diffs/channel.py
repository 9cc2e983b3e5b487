"""The protocol between the server and a diff process, over a socket, with deadlines."""
from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import orjson

from api.domain.captions.fact import Fact
from api.domain.results.failure_code import FailureCode
from api.domain.text.byte_difference import ByteDifference
from api.domain.text.decoding import Encoding, Side
from api.domain.text.diff import DiffSummary, Precision

LENGTH = struct.Struct(">IQ")
RECEIVE = 1 << 20
HEADER_LIMIT = 1 << 16
BODY_LIMIT = 1 << 28
# What is told of an output where there was no time for all of its facts.
LATE = Fact("capped", "time")


class ChannelClosed(Exception):
    """The connection is closed, or the peer violates the protocol."""


class DeadlineExceeded(Exception):
    """The peer did not send or receive in time."""


@dataclass(frozen=True, slots=True)
class View:
    """The format of a difference; `name` is the file's name in the unified format."""

    context_lines: int
    unified: bool
    name: str


@dataclass(frozen=True, slots=True)
class CuesView:
    """A difference cue by cue; `code` says how the program ended that wrote the actual file, `places` whether it says where cues stand."""

    code: FailureCode | None
    places: bool = False


@dataclass(frozen=True, slots=True)
class CuesAnswer:
    """The difference of two files cue by cue, as JSON in the contract's words; without `is_final` there was no time for all of it.

    `is_read` says that the files are in formats of captions.
    """

    shown: bytes
    is_final: bool
    is_read: bool

    @classmethod
    def of(cls, header: Mapping[str, Any], shown: bytes) -> CuesAnswer:
        """What a process answered. Raises KeyError for what is no answer."""
        return cls(shown, header["is_final"], header["is_read"])


@dataclass(frozen=True, slots=True)
class Contents:
    """Two contents whose facts are asked for, and how the program ended that wrote the second one; more than is looked at is not needed."""

    expected: bytes
    actual: bytes
    code: FailureCode | None

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.expected) + len(self.actual)


@dataclass(frozen=True, slots=True)
class FactsAnswer:
    """All facts of the first of many pairs, as many as there was time for; None for one that there was no time for."""

    facts: Sequence[tuple[Fact, ...] | None]

    @classmethod
    def of(cls, header: Mapping[str, Any], shown: bytes) -> FactsAnswer:
        """What a process answered. Raises KeyError or ValueError for what is no answer."""
        found = [tuple(map(Fact.of_fields, each)) for each in orjson.loads(shown)]
        if len(found) != header["done"] or not found:
            raise ValueError
        return cls([None if any(fact == LATE for fact in each) else each for each in found])


@dataclass(frozen=True, slots=True)
class DiffAnswer:
    """The difference of two files.

    `shown` is JSON, made beside the server because making it holds the interpreter: the list of hunks in the contract's
    words, or the unified text. `summary` is of the whole. Without `encoding` nothing of the files is shown. `bom` is the file that
    alone begins with a byte order mark. `binary` is where files differ that are not text.
    """

    precision: Precision
    truncated: bool
    summary: DiffSummary
    shown: bytes
    encoding: Encoding | None
    bom: Side | None = None
    binary: ByteDifference | None = None

    @classmethod
    def of(cls, header: Mapping[str, Any], shown: bytes) -> DiffAnswer:
        """What a process answered. Raises KeyError, TypeError or ValueError for what is no answer."""
        binary = header["binary"]
        return cls(
            Precision(header["precision"]), header["truncated"],
            DiffSummary(header["added_lines"], header["removed_lines"], header["changed_hunks"]), shown, Encoding(header["encoding"]),
            header["bom"], None if binary is None else ByteDifference(**binary))

    @property
    def is_final(self) -> bool:
        """Whether the same question will have no better answer."""
        return self.precision is Precision.EXACT

    @property
    def is_identical(self) -> bool:
        """Whether there is no difference after all."""
        return self.summary.changed_hunks == 0


class Channel:
    """One end of a connection that carries messages: a mapping and bytes."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.deadline: float | None = None

    def send(self, header: Mapping[str, Any], size: int, body: Iterable[bytes]) -> None:
        """Send a message with a body of exactly `size` bytes. Raises ChannelLost, DeadlineExceeded, or what `body` raises."""
        encoded = orjson.dumps(header)
        self._send(LENGTH.pack(len(encoded), size) + encoded)
        for chunk in body:
            self._send(chunk)

    def receive(self) -> tuple[dict[str, Any], bytearray]:
        """The next message. Raises ChannelLost, DeadlineExceeded."""
        header_size, body_size = LENGTH.unpack(self._receive(LENGTH.size))
        if header_size > HEADER_LIMIT or body_size > BODY_LIMIT:
            raise ChannelClosed
        try:
            return orjson.loads(self._receive(header_size)), self._receive(body_size)
        except orjson.JSONDecodeError as nonsense:
            raise ChannelClosed from nonsense

    def close(self) -> None:
        """Close this end."""
        self._connection.close()

    def _send(self, content: bytes) -> None:
        try:
            self._wait_at_most()
            self._connection.sendall(content)
        except TimeoutError as late:
            raise DeadlineExceeded from late
        except OSError as gone:
            raise ChannelClosed from gone

    def _receive(self, size: int) -> bytearray:
        content = bytearray(size)
        rest = memoryview(content)
        while rest:
            try:
                self._wait_at_most()
                count = self._connection.recv_into(rest, min(len(rest), RECEIVE))
            except TimeoutError as late:
                raise DeadlineExceeded from late
            except OSError as gone:
                raise ChannelClosed from gone
            if not count:
                raise ChannelClosed
            rest = rest[count:]
        return content

    def _wait_at_most(self) -> None:
        if self.deadline is not None:
            left = self.deadline - monotonic()
            if left <= 0:
                raise DeadlineExceeded
            self._connection.settimeout(left)
