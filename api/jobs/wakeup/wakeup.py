"""Wakes the agents of this host, so that they need not poll."""
from __future__ import annotations

import os
import select
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from api.storage.permissions import PRIVATE

MAX_PENDING = 64


class Wakeup(Protocol):
    """Says that there is something new: a job was submitted, or is to be cancelled."""

    def wake(self) -> None:
        """Tell whoever listens. Never raises, and never takes long: a ring that is lost costs a moment, not a job."""


class Wakeups:
    """Several wake-ups that ring together."""

    def __init__(self, wakeups: Sequence[Wakeup]) -> None:
        self._wakeups = tuple(wakeups)

    def wake(self) -> None:
        """Ring them all."""
        for wakeup in self._wakeups:
            wakeup.wake()


class Listener:
    """The end of a bell that hears it; `descriptor` becomes readable when it rings."""

    def __init__(self, receiver: socket.socket) -> None:
        self._socket = receiver
        self.descriptor = receiver.fileno()

    def wait(self, seconds: float) -> bool:
        """Wait for a ring, for so long at most; whether there was one since the last wait. Many rings are one."""
        if not select.select([self._socket], [], [], max(0.0, seconds))[0]:
            return False
        self.clear()
        return True

    def clear(self) -> None:
        """Forget the rings that there were."""
        with suppress(BlockingIOError):
            for _ in range(MAX_PENDING):
                self._socket.recv(1)


class LocalWakeup:
    """The bell of this host: each listener has a socket of its own in the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def wake(self) -> None:
        """Ring every listener; one that is dead is tidied away."""
        with suppress(OSError), _opened(self._folder) as (within, folder), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            for name in os.listdir(folder):
                _wake(sender, f"{within}/{name}")

    @contextmanager
    def listen(self) -> Iterator[Listener]:
        """Hear the bell for as long as the context lasts. The folder is made if need be, for us alone."""
        PRIVATE.make_folder(self._folder)
        name = f"{uuid4().hex}.sock"
        with _opened(self._folder) as (within, _), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
            receiver.setblocking(False)
            receiver.bind(f"{within}/{name}")
            try:
                yield Listener(receiver)
            finally:
                with suppress(OSError):
                    (self._folder / name).unlink()


def _wake(sender: socket.socket, path: str) -> None:
    try:
        sender.sendto(b"r", path)
    except ConnectionRefusedError:
        with suppress(OSError):
            os.unlink(path)
    except OSError:
        # One that hears so much that no more fits is awake already.
        return


@contextmanager
def _opened(folder: Path) -> Iterator[tuple[str, int]]:
    """The folder under a short name: a socket's path has room for about a hundred characters."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}", descriptor
    finally:
        os.close(descriptor)
