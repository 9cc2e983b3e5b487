"""Jobs for tests: projects as zip files, rows in any state, and the files that attempts leave behind."""
from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

from api.domain.jobs.job import JobReason, JobStatus, outcome_of
from api.jobs.files import AttemptFiles, JobFiles
from api.storage.jobs.tables import JobRow
from tests.builders import NOW, save

PROJECT = {"test_sums.py": b"def test_two_and_two():\n    assert 2 + 2 == 4\n"}
# How a job of each status ended, where no other reason is given.
USUAL = {JobStatus.COMPLETED: JobReason.EXIT_CODE, JobStatus.FAILED: JobReason.TIMEOUT, JobStatus.CANCELLED: JobReason.CANCELLED}

_numbers = count(1)


def zip_of(files: Mapping[str, bytes] = PROJECT) -> bytes:
    """A zip file of a project."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return written.getvalue()


def add_job(
    owner_id: int, status: JobStatus = JobStatus.QUEUED, *, job_id: str | None = None, at: datetime = NOW, priority: int = 0,
    reason: JobReason | None = None, exit_code: int | None = None, web_hook: str | None = None, machine: str = "agent", **more: Any,
) -> str:
    """A job that was submitted at an instant, and stands as its status says; the number of its attempt and its fence are 1."""
    job_id = job_id or str(UUID(int=next(_numbers) << 64 | 0x8000_0000_0000_0000, version=4))
    began = status is not JobStatus.QUEUED
    why = reason or USUAL.get(status)
    end = outcome_of(why, 0 if why is JobReason.EXIT_CODE and exit_code is None else exit_code) if why is not None else None
    save(JobRow(
        id=job_id, owner_id=owner_id, status=status.value, success=end and end.success, reason=end and end.reason.value,
        exit_code=end and end.exit_code, priority=priority, attempt=int(began), max_attempts=1, fence=int(began),
        attempt_fence=int(began), agent=machine if status is JobStatus.RUNNING else None,
        lease_until=at + timedelta(days=1) if status is JobStatus.RUNNING else None, cancel_requested=False, created_at=at,
        start_time=at + timedelta(seconds=1) if began else None, end_time=at + timedelta(minutes=1) if end else None, web_hook=web_hook,
        tests=1 if end and end.success else None, **more))
    return job_id


def attempt_of(root: Path, job_id: str) -> AttemptFiles:
    """The files of the attempt of a job of `add_job`, in the file store at this root."""
    return JobFiles(root).attempt(job_id, 1, 1)


def write_log(root: Path, job_id: str, content: bytes) -> None:
    """What the attempt of a job printed."""
    log = attempt_of(root, job_id).log
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(content)


def keep_artifacts(
    root: Path, job_id: str, files: Mapping[str, bytes], *, junit: Mapping[str, Any] | None = None, left_out: int = 0,
) -> None:
    """Artifacts of the attempt of a job, and the manifest that names them."""
    attempt = attempt_of(root, job_id)
    attempt.artifacts.mkdir(parents=True, exist_ok=True)
    for content in files.values():
        (attempt.artifacts / f"{sha256(content).hexdigest()}-{len(content)}").write_bytes(content)
    kinds = {"junit.xml": "junit", "coverage.xml": "coverage"}
    listed = [
        {"name": name, "size_bytes": len(content), "sha256": sha256(content).hexdigest(), "kind": kinds.get(name, "file")}
        for name, content in files.items()]
    attempt.folder.mkdir(parents=True, exist_ok=True)
    attempt.manifest.write_text(json.dumps({"artifacts": listed, "junit": junit, "left_out": left_out}))
