"""The forked child of a diff process, which computes the exact difference and is killed at its time limit.

The library that finds them cannot be interrupted. The child goes on from question to question: to fork for each would cost as
much as most comparisons, since either side's memory is then copied page by page as it is written to.
"""
from __future__ import annotations

import gc
import os
import resource
import signal
import socket
from array import array
from collections.abc import Sequence
from contextlib import suppress
from itertools import chain
from math import ceil
from time import monotonic

from api.diffs.channel import Channel, ChannelClosed, DeadlineExceeded
from api.domain.text.edit_script import Change
from api.domain.text.exact_diff import exact_changes


class ExactChild:
    """The child, from this side. Asked one question at a time; one that was killed is forked anew for the next."""

    def __init__(self) -> None:
        self._pid: int | None = None
        self._channel: Channel | None = None

    @property
    def pid(self) -> int | None:
        """Its process id; None where there is none."""
        return None if self._channel is None else self._pid

    def start(self) -> Channel:
        """Fork, where there is no child."""
        if self._channel is None:
            self._reap()
            near, far = socket.socketpair()
            self._pid = os.fork()
            if self._pid == 0:
                near.close()
                _serve_and_exit(far)
            far.close()
            self._channel = Channel(near)
        return self._channel

    def ask(self, expected: bytes, actual: bytes, seconds: float) -> None:
        """Have it look for what changed; it has so many seconds."""
        channel = self.start()
        channel.deadline = monotonic() + seconds
        try:
            channel.send({"expected": len(expected), "seconds": seconds}, len(expected) + len(actual), (expected, actual))
        except (ChannelClosed, DeadlineExceeded):
            self.kill()

    def changes(self) -> list[Change] | None:
        """What it found; None where it did not get ready in time, or died."""
        if self._channel is None:
            return None
        try:
            return unpacked(self._channel.receive()[1])
        except (ChannelClosed, DeadlineExceeded):
            self.kill()
            return None

    def kill(self) -> None:
        """End it, without waiting: its memory takes a while to be given back, which is time for other work."""
        if self._channel is not None and self._pid is not None:
            self._channel.close()
            self._channel = None
            os.kill(self._pid, signal.SIGKILL)

    def _reap(self) -> None:
        if self._pid is not None:
            os.waitpid(self._pid, 0)
            self._pid = None


def _serve_and_exit(connection: socket.socket) -> None:
    """In the child: answer until the parent is gone."""
    try:
        # The server's end of that connection is to see the parent's death, not wait for the child's.
        os.close(0)
        with suppress(ChannelClosed):
            _serve(Channel(connection))
    finally:
        os._exit(0)


def _serve(channel: Channel) -> None:
    while True:
        question, body = channel.receive()
        _limit_processor(question["seconds"])
        found = _found(memoryview(body), question["expected"])
        channel.send({}, len(found), (found,))
        del body, found
        gc.collect()


def _found(content: memoryview, expected: int) -> bytes:
    return packed(exact_changes(bytes(content[:expected]), bytes(content[expected:])))


def _limit_processor(seconds: float) -> None:
    """Let nothing run on without end when the parent dies meanwhile."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = ceil(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def packed(changes: Sequence[Change]) -> bytes:
    """Changes as unsigned numbers of 8 bytes each."""
    return array("Q", chain.from_iterable(changes)).tobytes()


def unpacked(content: bytes | bytearray) -> list[Change]:
    """The changes that were packed."""
    fields = iter(array("Q", bytes(content)))
    return list(map(Change, fields, fields, fields, fields))
