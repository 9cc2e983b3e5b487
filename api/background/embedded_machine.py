"""The embedded machine: one child process for all processes of a server, which ends with them; its jobs go on."""
from __future__ import annotations

import logging
import os
import secrets
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from api.domain.auth.token import token_digest
from api.domain.runs.machine import SECRET_BYTES, Machine, WorkKind, machine_token
from api.domain.runs.run import Platform
from api.host.lock_file import try_lock
from api.host.permissions import PRIVATE
from api.host.work_folder import work_folder
from api.services.jobs.claims import leave_all
from api.storage.database import TransactionConflict, database_now, transact
from api.storage.runs.machines import add_machine, list_machines, rotate_token
from api.supervision.child_process import ChildProcess
from api.supervision.loop import Task

COMMAND = (sys.executable, "-m", "api.cli", "machine", "--attached")
POLL_INTERVAL = 0.5
PAUSE = 5.0
MAX_HOST_LENGTH = 40
HANDED_OVER = b"\n"

log = logging.getLogger(__name__)


class EmbeddedMachine:
    """Keeps a machine running that executes jobs. Of several server processes, the one that holds the lock does so.

    `enrol` makes the machine known to the server, with a new token, and returns the file with that. `hand_over` keeps its jobs for the
    next one, since a server that stops no longer hears that its machine does.
    """

    def __init__(
        self, home: Path, enrol: Callable[[], Path], hand_over: Callable[[], None], environment: Mapping[str, str],
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._home, self._enrol, self._hand_over, self._environment, self._command = home, enrol, hand_over, environment, tuple(command)
        self._machine: ChildProcess | None = None
        self._lock: int | None = None

    def task(self) -> Task:
        """A periodic task that restarts the machine, with a pause after it has ended."""
        return Task("embedded_machine", self.ensure_running, POLL_INTERVAL, close=self.stop, first_pause=PAUSE)

    def ensure_running(self) -> None:
        """Start it, unless another process does. Raises OSError and ChildEnded, and then lets another process try."""
        if self._lock is None:
            self._lock = self._take_lock()
        if self._lock is None:
            return
        try:
            if self._machine is None:
                self._machine = ChildProcess((*self._command, "--token-file", str(self._enrol())), self._environment)
            self._machine.ensure_running()
        except BaseException:
            self._machine = None
            self._release()
            raise

    def stop(self) -> None:
        """Stop it, and let another process start one."""
        if self._machine is not None:
            note = b""
            try:
                self._hand_over()
                note = HANDED_OVER
            except (SQLAlchemyError, TransactionConflict):
                log.warning("the jobs of this host's machine keep their current leases: the database is unavailable")
            self._machine.stop(note)
            self._machine = None
        self._release()

    def _take_lock(self) -> int | None:
        try:
            work_folder(self._home.parent)
            PRIVATE.make_folder(self._home)
            return try_lock(self._home / "embedded")
        except OSError as fault:
            raise OSError(f"CI_WORK_DIR: {fault}; no machine is started with the server") from fault

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def enrol_embedded(app: Flask, home: Path) -> Path:
    """Add the machine of this host, or give it a new token. Returns the file with the token."""
    name, token = embedded_name(home), machine_token(secrets.token_bytes(SECRET_BYTES))
    with app.app_context():
        transact(partial(_enrol, name, token_digest(token)))
    place = home / "embedded.token"
    fresh = home / f"embedded.token.{os.getpid()}"
    with os.fdopen(PRIVATE.open(fresh, os.O_WRONLY | os.O_TRUNC), "w") as file:
        file.write(token)
    fresh.rename(place)
    return place


def _enrol(name: str, digest: str) -> None:
    if any(each.name == name for each in list_machines()):
        rotate_token(name, digest)
    else:
        add_machine(Machine(name, (WorkKind.JOB,), Platform.LINUX, database_now()), digest)


def hand_over_embedded(app: Flask, home: Path) -> None:
    """Keep the jobs of the machine of this host for its next process."""
    with app.app_context():
        leave_all(embedded_name(home), database_now())


def embedded_name(home: Path) -> str:
    """The machine's name. A random id in its folder tells hosts of the same name apart."""
    own = home / "embedded.id"
    if not own.exists():
        fresh = home / f"embedded.id.{os.getpid()}"
        with os.fdopen(PRIVATE.open(fresh, os.O_WRONLY | os.O_TRUNC), "w") as file:
            file.write(os.urandom(4).hex())
        with suppress(FileExistsError):
            os.link(fresh, own)
        fresh.unlink()
    host = "".join(each if each.isascii() and (each.isalnum() or each in ".-") else "-" for each in socket.gethostname())
    return f"embedded-{host[:MAX_HOST_LENGTH]}-{own.read_text()}"
