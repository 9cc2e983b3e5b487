"""What Windows does otherwise than POSIX, as far as a machine that executes runs needs it; all else of a server needs POSIX."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    import win32job

    RUNS_SERVERS = False
    BINARY = os.O_BINARY
    # Windows has no flag that refuses a link: whoever opens a file looks for one before.
    WITHOUT_LINKS = os.O_BINARY
    STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGBREAK)
    # Without the first, a program finds neither its libraries nor the network.
    INHERITED = ("SYSTEMROOT", "SYSTEMDRIVE", "PATH", "PATHEXT", "TEMP", "TMP", "LANG", "TZ")
    # A program has a console of its own, which nobody sees, so that what is typed at ours is not meant for it.
    NEW_PROGRAM = subprocess.CREATE_NO_WINDOW

    _jobs: list[object] = []

    def try_take(descriptor: int) -> bool:
        """Lock an open file, until it is closed; False where another holds the lock."""
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

    def set_mode(descriptor: int, mode: int) -> None:
        """Nothing: who may use a file is what its folder says."""

    def set_group(place: int | Path, group: int) -> None:
        """Nothing, as there."""

    def is_ours(found: os.stat_result) -> bool:
        """True: the owner is not told here. The folder's own rights must keep others out."""
        return True

    def size_on_disk(found: os.stat_result) -> int:
        """What a file takes of the disk, in bytes, as far as that is told: its length."""
        return found.st_size

    def end_programs_with_this_process() -> None:
        """Have all that is started from now on end with this process, however that ends. No crash waits for somebody to read of it."""
        msvcrt.SetErrorMode(msvcrt.SEM_FAILCRITICALERRORS | msvcrt.SEM_NOGPFAULTERRORBOX | msvcrt.SEM_NOOPENFILEERRORBOX)
        job = win32job.CreateJobObject(None, "")
        limits = win32job.QueryInformationJobObject(job, win32job.JobObjectExtendedLimitInformation)
        limits["BasicLimitInformation"]["LimitFlags"] |= win32job.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
        win32job.SetInformationJobObject(job, win32job.JobObjectExtendedLimitInformation, limits)
        win32job.AssignProcessToJobObject(job, -1)
        # It closes with this process, which must not be sooner.
        _jobs.append(job)
else:
    import fcntl

    RUNS_SERVERS = True
    BINARY = 0
    # Without O_NONBLOCK, opening a named pipe would wait for a writer for ever.
    WITHOUT_LINKS = os.O_NOFOLLOW | os.O_NONBLOCK
    STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
    INHERITED = ("PATH", "LANG", "TZ")
    NEW_PROGRAM = 0

    def try_take(descriptor: int) -> bool:
        """Lock an open file, until it is closed; False where another holds the lock."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def set_mode(descriptor: int, mode: int) -> None:
        """Give an open file a mode."""
        os.fchmod(descriptor, mode)

    def set_group(place: int | Path, group: int) -> None:
        """Give a folder, or an open file, a group."""
        os.chown(place, -1, group)

    def is_ours(found: os.stat_result) -> bool:
        """Whether a file or folder belongs to this process's user."""
        return found.st_uid == os.geteuid()

    def size_on_disk(found: os.stat_result) -> int:
        """What a file takes of the disk, in bytes."""
        return found.st_blocks * 512

    def end_programs_with_this_process() -> None:
        """Nothing: a program has a launcher for that."""
