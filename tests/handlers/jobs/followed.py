"""Logs that are followed, by clients that a test holds back."""
from __future__ import annotations

from pathlib import Path

from api.domain.jobs.job import Job, JobStatus
from api.storage.jobs.files import AttemptFiles
from tests.builders import NOW

JOB = Job("550e8400-e29b-41d4-a716-446655440000", 1, JobStatus.RUNNING, NOW, attempt=1, fence=1, attempt_fence=1)
FILES = AttemptFiles(Path("/nowhere"))
