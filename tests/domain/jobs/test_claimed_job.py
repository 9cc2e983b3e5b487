"""What a machine is told of a job, and what it says of its end."""
from __future__ import annotations

import json

from api.domain.jobs.claimed_job import ClaimedJob, JobEnd
from api.domain.jobs.job import JobReason
from api.domain.jobs.orders import Orders

JOB = "550e8400-e29b-41d4-a716-446655440000"
TOLD = {"job_id": JOB, "attempt": 2, "fence": 5, "owner_id": 7, "orders": {"command": "make test"}, "project": {"sha256": "ab", "size": 1}}


def test_a_job_is_read_from_an_answer() -> None:
    job = ClaimedJob.from_json(TOLD)

    assert job == ClaimedJob(JOB, 2, 5, 7, Orders(command="make test"), "ab")
    assert job.claim == f"job-{JOB}-5"
    assert ClaimedJob.from_json({**TOLD, "project": None}).project is None


def test_an_end_is_read_as_it_was_said() -> None:
    kept = {"name": "a", "kind": "file", "size_bytes": 1, "sha256": "ab"}
    end = JobEnd(JobReason.EXIT_CODE, 1, 9, [kept], {"tests": 1}, 2, ["quota"])

    assert JobEnd.from_json(json.loads(json.dumps(end.as_json()))) == end
    assert end.manifest == {"artifacts": [kept], "junit": {"tests": 1}, "left_out": 2, "limits_hit": ["quota"]}
