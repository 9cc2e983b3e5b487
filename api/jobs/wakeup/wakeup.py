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

from api.host.permissions import PRIVATE

MAX_PENDING = 64
FOLDER = "wakeups"


class Wakeup(Protocol):
    """Wakes agents when a job was submitted or is to be cancelled."""

    def wake(self) -> None:
        """Wake all listeners. Never raises or blocks: a lost wake-up delays a job until the next poll."""


class Wakeups:
    """Several wake-ups in one."""

    def __init__(self, wakeups: Sequence[Wakeup]) -> None:
        self._wakeups = tuple(wakeups)

    def wake(self) -> None:
        """Call all of them."""
        for wakeup in self._wakeups:
            wakeup.wake()


class Listener:
    """The receiving end of a wake-up; `descriptor` becomes readable when one arrives."""

    def __init__(self, receiver: socket.socket) -> None:
        self._socket = receiver
        self.descriptor = receiver.fileno()

    def wait(self, seconds: float) -> bool:
        """Wait for a wake-up, with a timeout; whether one came since the last wait. Several are merged."""
        if not select.select([self._socket], [], [], max(0.0, seconds))[0]:
            return False
        self.clear()
        return True

    def clear(self) -> None:
        """Discard pending wake-ups."""
        with suppress(BlockingIOError):
            for _ in range(MAX_PENDING):
                self._socket.recv(1)


class LocalWakeup:
    """The wake-up of this host: each listener has a Unix socket in the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def wake(self) -> None:
        """Wake every listener; sockets of dead ones are removed."""
        with suppress(OSError), _opened(self._folder) as (within, folder), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            for name in os.listdir(folder):
                _wake(sender, f"{within}/{name}")

    @contextmanager
    def listen(self) -> Iterator[Listener]:
        """Listen while the context lasts. The folder is made if need be, private to us."""
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


def local_wakeup(work: Path) -> LocalWakeup:
    """The wake-up of the host with this work folder."""
    return LocalWakeup(work.absolute() / FOLDER)


def _wake(sender: socket.socket, path: str) -> None:
    try:
        sender.sendto(b"r", path)
    except ConnectionRefusedError:
        with suppress(OSError):
            os.unlink(path)
    except OSError:
        # A listener with a full socket is awake already.
        return


@contextmanager
def _opened(folder: Path) -> Iterator[tuple[str, int]]:
    """The folder under a short path, since a socket's path is limited to about a hundred characters."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}", descriptor
    finally:
        os.close(descriptor)
