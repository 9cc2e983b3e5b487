"""A forkserver for supervisors: it has imported what they need, and forks one at a time.

Run as `python -m api.jobs.supervisor.forkserver DESCRIPTOR`, a socket on which attempts' folders arrive, with the descriptors that
the supervisor is to keep. It answers each with the supervisor's status, and ends when the other end is closed; supervisors go on.
"""
from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from api.host.permissions import PRIVATE
from api.jobs.files import AttemptFiles
from api.jobs.supervisor.supervisor import LOCKED_BY_ANOTHER, begin
from api.sandbox.kinds import KINDS, load

MAX_MESSAGE_BYTES = 1 << 14
MAX_KEPT = 16


def main(arguments: list[str]) -> int:
    """Fork supervisors until the socket is closed."""
    for name in KINDS:
        load(name)
    # It ends with its client, not by a signal that was sent to all processes.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with socket.socket(fileno=int(arguments[0])) as client:
        client.set_inheritable(False)
        while True:
            folder, kept, _, _ = socket.recv_fds(client, MAX_MESSAGE_BYTES, MAX_KEPT)
            if not folder:
                return 0
            client.send(bytes([_fork_supervisor(client, AttemptFiles(Path(os.fsdecode(folder))), kept)]))
            for each in kept:
                os.close(each)


def _fork_supervisor(client: socket.socket, files: AttemptFiles, kept: Sequence[int]) -> int:
    """Start a supervisor by a double fork; return its status."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 0xFF
    status = LOCKED_BY_ANOTHER
    try:
        client.close()
        log = PRIVATE.open(files.supervisor_log, os.O_WRONLY | os.O_APPEND)
        for number in (1, 2):
            os.dup2(log, number)
        status = begin(files, kept)
    finally:
        os._exit(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
