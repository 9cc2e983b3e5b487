"""The names of a host's agents: each is locked while its agent lives, so that a dead agent's jobs are recognized."""
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from api.host.lock_file import try_lock
from api.storage.permissions import PRIVATE

MAX_AGENTS = 1000
MAX_HOST_LENGTH = 60


class AgentNames:
    """Agent names, by lock files in a folder on the host's own disk. A random id in the folder tells hosts of the same name apart."""

    def __init__(self, work: Path, host: str) -> None:
        self._folder = work / "agents"
        self._host = host[:MAX_HOST_LENGTH]

    @contextmanager
    def acquire(self) -> Iterator[str]:
        """Lock the first free name, so that a restarted agent gets its own again. Raises OSError where all are taken."""
        PRIVATE.make_folder(self._folder)
        for number in range(MAX_AGENTS):
            lock = try_lock(self._folder / str(number))
            if lock is not None:
                try:
                    yield self._name(str(number))
                finally:
                    os.close(lock)
                return
        raise OSError(f"{MAX_AGENTS} agents live on this host")

    def dead(self) -> Iterator[str]:
        """The names of dead agents, each locked while it is yielded."""
        for number in sorted(each.name for each in self._folder.iterdir() if each.name.isdigit()):
            lock = try_lock(self._folder / number)
            if lock is not None:
                try:
                    yield self._name(number)
                finally:
                    os.close(lock)

    def _name(self, number: str) -> str:
        return f"{self._host}-{self._host_id()}-{number}"

    def _host_id(self) -> str:
        """A random id of this host's folder."""
        host_file = self._folder / "host"
        if not host_file.exists():
            fresh = self._folder / f"host.{os.getpid()}"
            with os.fdopen(PRIVATE.open(fresh, os.O_WRONLY | os.O_TRUNC), "w") as file:
                file.write(os.urandom(4).hex())
            with suppress(FileExistsError):
                os.link(fresh, host_file)
            fresh.unlink()
        return host_file.read_text()
