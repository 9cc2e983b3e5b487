"""Logs that are followed, by clients that a test holds back."""
from __future__ import annotations

from api.domain.jobs.job import Job, JobStatus
from api.storage.jobs.places import AttemptPlace
from tests.builders import NOW

JOB = Job("550e8400-e29b-41d4-a716-446655440000", 1, JobStatus.RUNNING, NOW, attempt=1, fence=1, attempt_fence=1)
PLACE = AttemptPlace(JOB.job_id, 1, 1)
