"""A client of one diff process: starts it, sends it files, kills it."""
from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from subprocess import DEVNULL, Popen
from time import monotonic
from typing import Any, Protocol, TypeVar

import api
from api.diffs.channel import Channel, ChannelClosed
from api.domain.errors import Unavailable

PROGRAM = (sys.executable, "-S", "-m", "api.diffs.program")
CHUNK = 1 << 20
# The rest of the time is for the coarse algorithm and for rendering.
EXACT_SHARE = 0.5
Answer = TypeVar("Answer")


class Readable(Protocol):
    """A file that can be read in parts; `name` stands for its content."""

    @property
    def name(self) -> str:
        """The same name, the same bytes."""
        ...

    @property
    def size(self) -> int:
        """In bytes."""
        ...

    def read(self, start: int, length: int) -> bytes:
        """Up to `length` bytes from `start` on."""
        ...


class DiffProcess:
    """A process with a socket for its standard input; with it go the processes that it starts."""

    def __init__(self, program: Sequence[str]) -> None:
        near, far = socket.socketpair()
        with far:
            # Nothing of the server's environment goes along, in which its secrets stand.
            self._process = Popen[bytes](
                program, stdin=far.fileno(), stdout=DEVNULL, cwd="/", env={"PYTHONPATH": _import_path()}, start_new_session=True)
        self._channel = Channel(near)

    @property
    def pid(self) -> int:
        """The process's id, and its group's."""
        return self._process.pid

    def ask(
        self, expected: Readable, actual: Readable, question: Mapping[str, Any], seconds: float,
        read: Callable[[Mapping[str, Any], bytes], Answer],
    ) -> Answer:
        """Have two files compared, within so many seconds after they were read; `read` makes the answer of its header and its body.

        Raises ChannelLost or DeadlineExceeded, after which the process is to be killed, as after anything that reading raises.
        """
        complete = {**question, "expected": expected.size, "seconds": seconds * EXACT_SHARE}
        self._channel.deadline = None
        self._channel.send(complete, expected.size + actual.size, self._within(seconds, chain(chunks(expected), chunks(actual))))
        self._channel.deadline = monotonic() + seconds
        header, shown = self._channel.receive()
        try:
            return read(header, bytes(shown))
        except (KeyError, TypeError, ValueError) as nonsense:
            raise ChannelClosed from nonsense

    def _within(self, seconds: float, parts: Iterator[bytes]) -> Iterator[bytes]:
        # Each part has its own time to be taken, since a store may take its time to deliver the next.
        for part in parts:
            self._channel.deadline = monotonic() + seconds
            yield part

    def kill(self) -> None:
        """End the process and all that it started, at once; whoever waits for its answer hears of it."""
        with suppress(ProcessLookupError):
            # Its process id cannot be reused before it is waited for.
            if self._process.returncode is None:
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def discard(self) -> None:
        """Kill the process and close the connection, which nobody may be using."""
        self.kill()
        self._channel.close()


def chunks(file: Readable) -> Iterator[bytes]:
    """The whole of a file. Raises Unavailable where it is not as long as it was said to be."""
    for start in range(0, file.size, CHUNK):
        length = min(CHUNK, file.size - start)
        part = file.read(start, length)
        if len(part) != length:
            raise Unavailable("The file was replaced while it was read.", retry_after=1)
        yield part


def _import_path() -> str:
    return os.pathsep.join([str(Path(api.__file__).parent.parent), *(each for each in sys.path if each)])
