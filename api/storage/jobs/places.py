"""What the files of jobs are called in the file store."""
from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from api.domain.jobs.job import Job

JOBS = "Jobs"


@dataclass(frozen=True)
class AttemptPlace:
    """Where the files of an attempt are; an attempt under a newer claim has others."""

    job_id: str
    attempt: int
    fence: int

    @cached_property
    def folder(self) -> str:
        """The folder of the attempt."""
        return f"{job_folder(self.job_id)}{self.attempt:d}-{self.fence:d}"

    @cached_property
    def log(self) -> str:
        """What the attempt printed."""
        return f"{self.folder}/log"

    @property
    def manifest(self) -> str:
        """What was kept of the attempt; there once all of it is."""
        return f"{self.folder}/artifacts.json"

    @property
    def artifacts(self) -> str:
        """The folder of what was kept, with its slash."""
        return f"{self.folder}/artifacts/"

    def artifact(self, sha256: str, size: int) -> str:
        """A file that the attempt left. Its size is in the name, so that a list tells what is there."""
        return f"{self.artifacts}{sha256}-{size:d}"


def newest_attempt(job: Job) -> AttemptPlace | None:
    """The place of a job's newest attempt; None before the first."""
    return AttemptPlace(job.job_id, job.attempt, job.attempt_fence) if job.attempt else None


def job_folder(job_id: str) -> str:
    """The folder of a job, with its slash."""
    return f"{JOBS}/{job_id}/"


def project_name(job_id: str) -> str:
    """The zip file that a job was submitted with."""
    return f"{job_folder(job_id)}project.zip"


def artifact_size(name: str) -> int:
    """The size of a file that the name of `AttemptPlace.artifact` tells."""
    return int(name.rpartition("-")[2])
