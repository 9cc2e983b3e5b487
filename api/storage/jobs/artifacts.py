"""Logs and artifacts of attempts; only files in the agent's manifest are readable."""
from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.domain.errors import Unavailable
from api.domain.jobs.job import Job
from api.storage.jobs.files import AttemptFiles, JobFiles

NOTHING_KEPT: Mapping[str, Any] = {"artifacts": [], "junit": None, "left_out": 0, "limits_hit": []}


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file on this disk that was there just now; `version` is another one whenever a byte is."""

    path: Path
    size: int
    version: str

    def read(self, start: int, length: int) -> bytes:
        """Up to `length` bytes from `start` on, fewer at the end. Raises Unavailable where the file is gone by now."""
        try:
            descriptor = _open(self.path)
        except OSError as gone:
            raise Unavailable("The file was removed while it was read.", retry_after=1) from gone
        try:
            parts = []
            while length > 0 and (part := os.pread(descriptor, min(length, 1 << 24), start)):
                parts.append(part)
                start, length = start + len(part), length - len(part)
            return b"".join(parts)
        finally:
            os.close(descriptor)

    def pinned(self) -> AbstractContextManager[LocalFile]:
        """The file itself: no other one ever takes its name."""
        return nullcontext(self)


@dataclass(frozen=True, slots=True)
class Nothing:
    """A file that nothing was written to yet."""

    size: int = 0

    def read(self, start: int, length: int) -> bytes:
        """No bytes."""
        return b""


def newest_attempt(files: JobFiles, job: Job) -> AttemptFiles | None:
    """The files of a job's newest attempt; None before the first."""
    return files.attempt(job.job_id, job.attempt, job.attempt_fence) if job.attempt else None


def open_file(path: Path) -> LocalFile | None:
    """The file, to be read; None where there is none, or something that is no regular file."""
    try:
        descriptor = _open(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as broken:
        if os.path.islink(path):
            return None
        raise Unavailable("The file cannot be read at the moment.") from broken
    try:
        found = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if not stat.S_ISREG(found.st_mode):
        return None
    return LocalFile(path, found.st_size, f"{found.st_dev:x}-{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}")


def read_manifest(attempt: AttemptFiles | None) -> Mapping[str, Any]:
    """What was kept of an attempt, as its agent wrote it down: `artifacts`, `junit`, `left_out`, `limits_hit`; nothing before that."""
    if attempt is None:
        return NOTHING_KEPT
    try:
        found: Mapping[str, Any] = json.loads(attempt.manifest.read_bytes())
    except FileNotFoundError:
        return NOTHING_KEPT
    return {**NOTHING_KEPT, **found}


def open_artifact(attempt: AttemptFiles | None, name: str) -> LocalFile | None:
    """An artifact by its name in the manifest; None for any other name, wherever it would lead."""
    if attempt is None or name not in {each["name"] for each in read_manifest(attempt)["artifacts"]}:
        return None
    path = attempt.artifacts / name
    # The manifest is the agent's own, but names in it came from a project: none leads out of the folder.
    if "\0" in name or ".." in path.parts or not path.resolve().is_relative_to(attempt.artifacts.resolve()):
        return None
    return open_file(path)


def _open(path: Path) -> int:
    # Without waiting: a pipe under a file's name would otherwise hold the thread for ever.
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
