"""Files of jobs: their paths, and atomic writes.

The supervisor of an attempt imports this module; it keeps to the standard library.
"""
from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from api.domain.jobs.exit_record import ExitRecord
from api.domain.jobs.identity import is_job_id
from api.host.full_disk import is_full
from api.host.permissions import PRIVATE

JOBS = "Jobs"
LAST_WORDS = 8192


@dataclass(frozen=True, slots=True)
class AttemptFiles:
    """The files of one attempt, in a folder of its own. The agent writes spec, lease and cancel, the supervisor all the others."""

    folder: Path

    @property
    def spec(self) -> Path:
        """What is to be run; written before the supervisor starts, never again."""
        return self.folder / "spec.json"

    @property
    def lease(self) -> Path:
        """Until when the claim holds; rewritten at each renewal."""
        return self.folder / "lease.json"

    @property
    def log(self) -> Path:
        """All that the attempt printed; it only grows."""
        return self.folder / "log"

    @property
    def state(self) -> Path:
        """The supervisor's process id and the attempt's start; there once the supervisor runs."""
        return self.folder / "state.json"

    @property
    def progress(self) -> Path:
        """Which step runs, and how long the log was before it; there where another supervisor can go on with that."""
        return self.folder / "progress.json"

    @property
    def cancel(self) -> Path:
        """Asks, by being there, that the attempt be ended."""
        return self.folder / "cancel"

    @property
    def exit(self) -> Path:
        """The exit record; there once nothing of the attempt runs any more."""
        return self.folder / "exit.json"

    @property
    def lock(self) -> Path:
        """Locked by the supervisor for as long as it lives."""
        return self.folder / "lock"

    @property
    def supervisor_log(self) -> Path:
        """The supervisor's error output, for the operator."""
        return self.folder / "supervisor.log"

    @property
    def artifacts(self) -> Path:
        """The folder of what is kept of the workspace."""
        return self.folder / "artifacts"

    @property
    def manifest(self) -> Path:
        """What lies in that folder, and what the JUnit report among it says; there once all of it is."""
        return self.folder / "artifacts.json"

    def prepare(self, spec: Mapping[str, Any], lease_until: datetime) -> None:
        """Make the folder with what the supervisor needs; nothing of it is readable for others."""
        PRIVATE.make_folder(self.folder)
        put(self.spec, spec)
        self.renew(lease_until)

    def renew(self, lease_until: datetime) -> None:
        """Write down until when the claim holds. A job does not lose its claim to a full disk: the text is always of one length."""
        values = {"until": lease_until.astimezone(UTC).isoformat(timespec="microseconds")}
        try:
            put(self.lease, values)
        except OSError as fault:
            if not is_full(fault):
                raise
            with self.lease.open("r+b", buffering=0) as file:
                file.write(json.dumps(values).encode())

    def lease_until(self) -> datetime | None:
        """Until when the claim holds; None where nothing says so."""
        try:
            return datetime.fromisoformat(json.loads(self.lease.read_bytes())["until"])
        except FileNotFoundError:
            return None

    def supervisor_pid(self) -> int | None:
        """The supervisor's process id, while it lives or once it did; None before."""
        try:
            return int(json.loads(self.state.read_bytes())["pid"])
        except (OSError, ValueError, KeyError):
            return None

    def write_progress(self, step: int, log_bytes: int) -> None:
        """Write down that a step is about to run."""
        put(self.progress, {"step": step, "log_bytes": log_bytes})

    def read_progress(self) -> tuple[int, int]:
        """Which step to run now, and how long the log was before it."""
        try:
            found = json.loads(self.progress.read_bytes())
            return found["step"], found["log_bytes"]
        except FileNotFoundError:
            return 0, 0

    def ask_cancel(self) -> None:
        """Ask the supervisor to end the attempt; asking again changes nothing."""
        os.close(PRIVATE.open(self.cancel, os.O_WRONLY))

    def read_exit(self) -> ExitRecord | None:
        """How the attempt ended; None while it runs, or where its supervisor was killed. Raises ValueError for a broken record."""
        try:
            return ExitRecord.from_json(self.exit.read_bytes())
        except FileNotFoundError:
            return None

    def write_exit(self, record: ExitRecord) -> None:
        """Write the exit record durably."""
        _put_bytes(self.exit, record.as_json().encode())

    def supervisor_output(self) -> str:
        """The end of the supervisor's error output, as printable lines."""
        try:
            with self.supervisor_log.open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - LAST_WORDS))
                words = file.read(LAST_WORDS).decode(errors="replace")
        except OSError:
            return ""
        return "".join(each if each.isprintable() or each == "\n" else "?" for each in words).strip()

    def is_supervised(self) -> bool:
        """Whether a supervisor is alive: it holds the lock, which the kernel releases however it ends."""
        try:
            lock = os.open(self.lock, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False


class JobFiles:
    """The folder of all jobs of a host that executes them."""

    def __init__(self, home: Path) -> None:
        self.root = home.absolute() / JOBS

    def job(self, job_id: str) -> Path:
        """A job's folder. Raises ValueError for what is no job's id: no name from outside becomes part of a path."""
        if not is_job_id(job_id):
            raise ValueError("not the id of a job")
        return self.root / job_id

    def project(self, job_id: str) -> Path:
        """The zip file that a job was submitted with."""
        return self.job(job_id) / "project.zip"

    def attempt(self, job_id: str, attempt: int, fence: int) -> AttemptFiles:
        """The files of an attempt; an attempt under a newer claim has others."""
        return AttemptFiles(self.job(job_id) / f"{attempt:d}-{fence:d}")

    def attempts(self, job_id: str) -> list[AttemptFiles]:
        """All attempts of a job that there are files of, oldest first."""
        found = [each for each in self.job(job_id).glob("[0-9]*-[0-9]*") if each.is_dir()]
        return [AttemptFiles(folder) for folder in sorted(found, key=lambda each: [int(number) for number in each.name.split("-")])]


def put(path: Path, values: Mapping[str, Any]) -> None:
    """Write a JSON file durably and atomically."""
    _put_bytes(path, json.dumps(values).encode())


def _put_bytes(path: Path, content: bytes) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(PRIVATE.open(fresh, os.O_WRONLY | os.O_TRUNC), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(path)
    except OSError:
        with suppress(OSError):
            fresh.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
