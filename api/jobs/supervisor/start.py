"""Starts a supervisor as a process that outlives the one that started it."""
from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Sequence

from api.host.permissions import PRIVATE
from api.host.programs import module_command, module_environment
from api.jobs.files import AttemptFiles

TIMEOUT = 30


class SupervisorNotStarted(Exception):
    """The supervisor could not be started; the message is for the operator."""


def start_supervisor(files: AttemptFiles, *, keep: Sequence[int] = ()) -> None:
    """Start the supervisor of a prepared attempt; it holds the attempt's lock when this returns.

    It keeps the descriptors `keep` open while it lives, so that it goes on holding its starter's slot.
    Raises SupervisorNotStarted where another holds the lock, the attempt has ended, or the process cannot be started.
    """
    command = [*module_command("api.jobs.supervisor.supervisor"), str(files.folder), *map(str, keep)]
    try:
        with os.fdopen(PRIVATE.open(files.supervisor_log, os.O_WRONLY | os.O_APPEND), "ab") as log:
            done = subprocess.run(
                command, env=module_environment(), cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=TIMEOUT, check=False,
                pass_fds=keep)
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise SupervisorNotStarted(str(fault)) from fault
    _require_started(files, done.returncode)


class Forkserver:
    """Starts supervisors as `start_supervisor` does, but faster: from a process that has imported what they need.

    For an agent that starts many; safe to use from several threads. The process ends with ours, the supervisors do not.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def start(self, files: AttemptFiles, *, keep: Sequence[int] = ()) -> None:
        """Start the supervisor of a prepared attempt. Raises SupervisorNotStarted."""
        with self._lock:
            status = self._request(files, keep)
        if status is not None:
            _require_started(files, status)
        elif not files.is_supervised():
            start_supervisor(files, keep=keep)

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._discard()

    def _request(self, files: AttemptFiles, keep: Sequence[int]) -> int | None:
        """The status of the supervisor; None where the forkserver does not answer, which is then replaced."""
        try:
            if self._socket is None:
                self._launch()
            assert self._socket is not None
            socket.send_fds(self._socket, [os.fsencode(files.folder)], list(keep))
            if answer := self._socket.recv(1):
                return answer[0]
        except OSError:
            pass
        self._discard()
        return None

    def _launch(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(TIMEOUT)
        with theirs:
            self._process = subprocess.Popen(
                [*module_command("api.jobs.supervisor.forkserver"), str(theirs.fileno())], env=module_environment(), cwd="/",
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=[theirs.fileno()],
                start_new_session=True)

    def _discard(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _require_started(files: AttemptFiles, status: int) -> None:
    if status:
        raise SupervisorNotStarted(f"the supervisor ended with {status}; {files.supervisor_log.name} says more")
