"""Recovers jobs that the machine has claimed: adopts those that still run or can go on, finishes those that ended, gives up the rest."""
from __future__ import annotations

import json
import logging
from collections.abc import Container, Iterable, Iterator
from datetime import UTC, datetime

from api.domain.jobs.claimed_job import ClaimedJob
from api.domain.jobs.exit_record import ExitRecord
from api.domain.jobs.job import JobReason
from api.host.slots import Slots
from api.jobs.agent.held_job import HeldJob, Phase
from api.jobs.agent.job_repository import JobRepository
from api.jobs.agent.options import AgentOptions
from api.jobs.files import AttemptFiles, JobFiles
from api.jobs.supervisor.start import SupervisorNotStarted, start_supervisor
from api.sandbox.kinds import sandbox_of

log = logging.getLogger(__name__)


class OrphanRecovery:
    """Recovers jobs that nobody looks after. `held` are the ids of the jobs that this agent holds. All methods may raise
    RepositoryUnavailable.
    """

    def __init__(self, options: AgentOptions, repository: JobRepository, files: JobFiles, slots: Slots) -> None:
        self._options, self._repository, self._files, self._slots = options, repository, files, slots

    def adopt_orphans(self, claimed: Iterable[ClaimedJob], held: Container[str], now: datetime) -> Iterator[HeldJob]:
        """Adopt what this machine's process before this one claimed, and what was claimed without the answer being heard."""
        for job in claimed:
            if job.job_id not in held:
                yield from self._try_adopt(job, now)

    def _try_adopt(self, job: ClaimedJob, now: datetime) -> list[HeldJob]:
        """The job, if it could be adopted. An OSError of one job does not stop the others."""
        try:
            return list(self._adopt(job, now))
        except OSError as fault:
            log.error("job %s could not be adopted: %s", job.job_id, fault)
            return []

    def _adopt(self, job: ClaimedJob, now: datetime) -> Iterator[HeldJob]:
        files = attempt_of(self._files, job)
        has_supervisor = files.is_supervised() or read_record(files) is not None
        if not has_supervisor and not self._resume(files, now) and not self._mark_dead(job, files):
            return
        log.info("job %s was adopted", job.job_id)
        yield HeldJob(job, files, now + self._options.lease, Phase.RUNNING)

    def _resume(self, files: AttemptFiles, now: datetime) -> bool:
        """Have another supervisor go on with an attempt whose sandbox goes on by itself; whether it does."""
        if not files.state.exists() or not _can_resume(files):
            return False
        files.renew(now + self._options.lease)
        slot = self._slots.take()
        try:
            start_supervisor(files, keep=[] if slot is None else [slot.lock])
        except SupervisorNotStarted as fault:
            log.error("%s", fault)
            return False
        finally:
            if slot is not None:
                slot.release()
        return True

    def _mark_dead(self, job: ClaimedJob, files: AttemptFiles) -> bool:
        """Give up an attempt, and make sure that it cannot start any more. True where it runs, or has ended, after all."""
        if files.folder.is_dir():
            # A supervisor checks this before it starts anything, in case it is just starting.
            files.ask_cancel()
        if files.is_supervised() or read_record(files) is not None:
            return True
        log.warning("job %s is lost with its agent", job.job_id)
        self._repository.give_up(job, began=files.state.exists())
        return False


def _can_resume(files: AttemptFiles) -> bool:
    try:
        return sandbox_of(json.loads(files.spec.read_bytes())["sandbox"]).can_resume
    except (OSError, ValueError, KeyError):
        return False


def attempt_of(files: JobFiles, job: ClaimedJob) -> AttemptFiles:
    """The files of a job's attempt on this host."""
    return files.attempt(job.job_id, job.attempt, job.fence)


def read_record(files: AttemptFiles) -> ExitRecord | None:
    """The exit record of an attempt; an unreadable one counts as an engine error."""
    try:
        return files.read_exit()
    except (OSError, ValueError) as broken:
        now = datetime.now(UTC)
        return ExitRecord(0, JobReason.ENGINE_ERROR, now, now, detail=f"the exit record cannot be read: {broken}")
