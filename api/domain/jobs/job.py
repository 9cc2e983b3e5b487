"""Jobs: a zipped project whose tests run in a sandbox. The order of the queue, outcomes, and cancellation."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from api.domain.auth.access import Caller, Role
from api.domain.errors import LogNotFound, NotFound, Refusal, TooMany, Unprocessable
from api.domain.jobs.identity import JobIdentity
from api.domain.jobs.orders import Orders


class JobStatus(StrEnum):
    """Where a job stands. `completed`: its command ran to its end, and `success` says how; `failed`: it could not."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_finished(self) -> bool:
        """Whether the job will never change again."""
        return self not in (JobStatus.QUEUED, JobStatus.RUNNING)


class JobReason(StrEnum):
    """Why a job ended as it did."""

    EXIT_CODE = "exit_code"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    LOST = "lost"
    ZIP_REJECTED = "zip_rejected"
    ENGINE_ERROR = "engine_error"
    OUT_OF_MEMORY = "out_of_memory"
    LOG_LIMIT = "log_limit"
    DISK_LIMIT = "disk_limit"
    PROCESS_LIMIT = "process_limit"


class RepeatReason(StrEnum):
    """Why a job has more than one attempt: what became of the one before."""

    NOT_STARTED = "not_started"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class ProjectZip:
    """The zip file that a job was submitted with, by its SHA-256 (hex) and its size."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands. `attempt` counts from 1, 0 before the first. Times are UTC.

    `fence` marks the claim that may report now, `attempt_fence` the one that the newest attempt was started under. `tests` and
    `failed_tests` are the counts of its report, None without one. `kept_bytes` is what its files take, `zip` is its project's, and
    `machine` the name of the one that has it.
    """

    job_id: str
    owner_id: int
    status: JobStatus
    created_at: datetime
    priority: int = 0
    attempt: int = 0
    fence: int = 0
    attempt_fence: int = 0
    max_attempts: int = 1
    success: bool | None = None
    reason: JobReason | None = None
    exit_code: int | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    cancel_requested: bool = False
    web_hook: str | None = None
    orders: Orders = Orders()
    position: int | None = None
    identity: JobIdentity = JobIdentity()
    rerun_of: str | None = None
    repeat_reason: RepeatReason | None = None
    tests: int | None = None
    failed_tests: int | None = None
    kept_bytes: int | None = None
    zip: ProjectZip | None = None
    owner: str | None = None
    machine: str | None = None

    @property
    def is_unproven(self) -> bool:
        """Whether it succeeded without a report of any test."""
        return self.success is True and not self.tests

    @property
    def attempt_folder(self) -> str | None:
        """The name of the newest attempt's folder; None before the first."""
        return f"{self.attempt}-{self.attempt_fence}" if self.attempt else None


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """How a job ended; `success` is true only for a command that ran to its end with exit code 0.

    `tests` and `failed_tests` are the counts of its report; `kept_bytes` is what its log and artifacts take.
    """

    status: JobStatus
    success: bool
    reason: JobReason
    exit_code: int | None = None
    tests: int | None = None
    failed_tests: int | None = None
    kept_bytes: int = 0


MAX_CLAIMS = 5
STATUS_OF = {JobReason.EXIT_CODE: JobStatus.COMPLETED, JobReason.CANCELLED: JobStatus.CANCELLED}
WORDS = {
    JobReason.EXIT_CODE: "The command ended with exit code {exit_code}.",
    JobReason.TIMEOUT: "The job was ended: it ran longer than it may.",
    JobReason.CANCELLED: "The job was cancelled.",
    JobReason.LOST: "The job was lost: the machine that ran it is gone.",
    JobReason.ZIP_REJECTED: "The project was rejected: its zip file is not safe to unpack.",
    JobReason.ENGINE_ERROR: "The job could not be run: the sandbox did not start.",
    JobReason.OUT_OF_MEMORY: "The job was ended: it used more memory than it may.",
    JobReason.LOG_LIMIT: "The job was ended: it wrote more log than it may.",
    JobReason.DISK_LIMIT: "The job was ended: its workspace grew larger than it may.",
    JobReason.PROCESS_LIMIT: "The job could not be run to its end: it wanted more processes than it may have.",
}


UNPROVEN = " It left no report of any test."


def outcome_of(reason: JobReason, exit_code: int | None) -> JobOutcome:
    """The end of a job, from why its attempt ended."""
    status = STATUS_OF.get(reason, JobStatus.FAILED)
    return JobOutcome(status, reason is JobReason.EXIT_CODE and exit_code == 0, reason, exit_code)


def end_message(reason: JobReason, exit_code: int | None, *, is_unproven: bool = False) -> str:
    """What the stream of a job says of its end, as its last log line, without a line end."""
    return WORDS[reason].format(exit_code=exit_code) + (UNPROVEN if is_unproven else "")


def may_see(job: Job, caller: Caller) -> bool:
    """Whether the job is the caller's own; an admin sees all."""
    return caller.role is Role.ADMIN or job.owner_id == caller.user_id


def visible(job: Job, caller: Caller) -> Job:
    """The job, for who may see it. Raises NotFound: a stranger is not told that it exists."""
    if not may_see(job, caller):
        raise unknown_job(job.job_id)
    return job


def unknown_job(job_id: str) -> NotFound:
    """The refusal of a job that is not there, or not the caller's."""
    return NotFound("job", job_id, remedy="List your jobs with GET /jobs.")


class JobLogNotFound(LogNotFound):
    """The log of a job was removed, as those of old jobs are."""

    remedy = "Logs of old jobs are removed; submit the project again."

    def __init__(self, job_id: str) -> None:
        Refusal.__init__(self, "The log of this job was removed.", {"job_id": job_id, "checked": ["local"]})


def check_waiting(waiting: int, most: int) -> None:
    """Whether an account of which so many jobs wait may submit another. Raises TooMany."""
    if waiting >= most:
        raise TooMany(
            f"Only {most} of your jobs may wait at a time.", limit=most, retry_after=60,
            remedy="Send the project again once one of your jobs has begun, or cancel one with DELETE /jobs/{job_id}.")


class QuotaExceeded(Unprocessable):
    """The files of an account's jobs take all the room that they may."""

    def __init__(self, kept: int, most: int) -> None:
        super().__init__(
            "The files of your jobs take all the room that they may.", {"rule": "quota", "kept_bytes": kept, "limit": most},
            remedy="Wait until files of old jobs are removed, or ask the operator for more room (CI_JOB_QUOTA).")


def check_quota(kept: int, wanted: int, most: int) -> None:
    """Whether an account whose jobs' files take `kept` bytes may add so many. Raises QuotaExceeded."""
    if kept + wanted > most:
        raise QuotaExceeded(kept, most)


class Cancel(StrEnum):
    """What a cancel does to a job."""

    AT_ONCE = "at_once"
    ASKED = "asked"
    NOTHING = "nothing"


def decide_cancel(job: Job) -> Cancel:
    """A queued job is cancelled at once, a running one is asked to stop, one that is over stays as it is."""
    if job.status is JobStatus.QUEUED:
        return Cancel.AT_ONCE
    return Cancel.ASKED if job.status is JobStatus.RUNNING else Cancel.NOTHING


def after_loss(job: Job, *, began: bool = True) -> JobOutcome | None:
    """What becomes of a job whose attempt is lost: None where it is tried again, else its end.

    An attempt of which nothing was run is no try, so another is made whatever the policy; not for ever, since the job may be what
    its agents die of.
    """
    if job.cancel_requested:
        return outcome_of(JobReason.CANCELLED, None)
    tries = job.max_attempts if began else max(job.max_attempts, MAX_CLAIMS)
    return None if job.attempt < tries else outcome_of(JobReason.LOST, None)
