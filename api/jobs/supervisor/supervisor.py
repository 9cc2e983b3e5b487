"""The supervisor of one attempt: a process that outlives the agent that started it.

Run as `python -m api.jobs.supervisor.supervisor ATTEMPT_FOLDER [DESCRIPTOR…]`; the descriptors are kept open, for itself alone.
It holds the folder's lock for as long as it lives, and returns to its starter, with 0, once it does; the work goes on in its child. It ends
with one exit record, written in one piece. If it is killed, its sandbox dies with it, the kernel frees the lock, and there is no record:
whoever looks then knows that the attempt is lost.
"""
from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from api.domain.jobs.exit_record import ExitRecord
from api.domain.jobs.job import JobReason
from api.host.clock import utc_now
from api.host.permissions import PRIVATE
from api.jobs.files import AttemptFiles, put
from api.jobs.supervisor.attempt import Attempt
from api.jobs.supervisor.spec import Spec
from api.jobs.supervisor.stop_conditions import Lease
from api.sandbox.kinds import sandbox_of

STARTED, LOCKED_BY_ANOTHER = 0, 75
# A check of the lock takes it, shared, for a moment.
LOCK_TRIES, LOCK_PAUSE = 50, 0.02
RETRY_PAUSE = 1.0
LESS_LIKELY_TO_BE_KILLED = "-500"
IGNORED_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE)


def main(arguments: list[str]) -> int:
    """Start the supervisor as a detached process."""
    return begin(AttemptFiles(Path(arguments[0])), [int(kept) for kept in arguments[1:]])


def begin(files: AttemptFiles, kept: Sequence[int]) -> int:
    """Fork a supervisor; return once it holds the lock, or cannot get it."""
    for each in kept:
        os.set_inheritable(each, False)
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        held = os.read(reader, 1)
        os.close(reader)
        return STARTED if held else LOCKED_BY_ANOTHER
    os.close(reader)
    try:
        os.setsid()
        _ignore_signals()
        lock = _lock(files.lock)
        if lock is not None and not files.exit.exists():
            put(files.state, {"pid": os.getpid(), "started_at": utc_now().isoformat()})
            os.write(writer, b"1")
            os.close(writer)
            supervise(files)
    finally:
        # The starter's exit handlers must not run here.
        os._exit(0)


def supervise(files: AttemptFiles) -> None:
    """Run the attempt and write its exit record; retry until it is written or the lease has expired."""
    record = _run(files)
    lease = Lease(files, utc_now)
    while True:
        try:
            files.write_exit(record)
            return
        except OSError:
            _log_exception(files)
            if lease.has_passed():
                return
            time.sleep(RETRY_PAUSE)


def _run(files: AttemptFiles) -> ExitRecord:
    started_at, fence = utc_now(), 0
    try:
        spec = Spec.from_json(json.loads(files.spec.read_bytes()))
        fence = spec.fence
        return Attempt(files, spec, sandbox_of(spec.sandbox), now=utc_now).run()
    # Catches everything: without a record, a bug of ours would look like a lost host.
    except Exception as fault:
        _log_exception(files)
        return ExitRecord(fence, JobReason.ENGINE_ERROR, started_at, utc_now(), detail=f"{type(fault).__name__}: {fault}")


def _log_exception(files: AttemptFiles) -> None:
    """Write the current traceback to the supervisor's own log, if the disk has room.

    Each line names the attempt, for readers of many logs together.
    """
    attempt = files.folder.name.partition("-")[0]
    beginning = f"{utc_now().isoformat(timespec='milliseconds')} ERROR job_id={files.folder.parent.name} attempt={attempt}"
    with suppress(OSError):
        for line in traceback.format_exc().splitlines():
            print(beginning, line, file=sys.stderr, flush=True)


def _ignore_signals() -> None:
    """Ignore signals that are sent to all of the service's processes: only a cancel, a limit or a lost lease ends a job."""
    for number in IGNORED_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(LESS_LIKELY_TO_BE_KILLED)


def _lock(path: Path) -> int | None:
    lock = PRIVATE.open(path, os.O_RDWR)
    for _ in range(LOCK_TRIES):
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        time.sleep(LOCK_PAUSE)
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
