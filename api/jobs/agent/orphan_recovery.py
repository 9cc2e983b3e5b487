"""Recovers jobs of dead agents: adopts those that still run on this host, finishes those that ended, gives up the rest."""
from __future__ import annotations

import logging
from collections.abc import Container, Iterator
from datetime import UTC, datetime

from api.domain.jobs.exit_record import ExitRecord
from api.domain.jobs.job import Job, JobReason, outcome_of
from api.jobs.agent.held_job import HeldJob, Phase
from api.jobs.agent.job_repository import JobRepository
from api.jobs.agent.names import AgentNames
from api.jobs.agent.options import AgentOptions
from api.storage.jobs.files import AttemptFiles, JobFiles

log = logging.getLogger(__name__)


class OrphanRecovery:
    """Recovers jobs of other agents. `held` are the ids of the jobs that this agent holds. All methods may raise RepositoryUnavailable."""

    def __init__(self, agent: str, options: AgentOptions, repository: JobRepository, files: JobFiles, names: AgentNames) -> None:
        self._agent, self._options, self._repository, self._files, self._names = agent, options, repository, files, names

    def adopt_orphans(self, held: Container[str], now: datetime) -> Iterator[HeldJob]:
        """Adopt the jobs of this host's dead agents, and those that this agent claimed without getting the answer."""
        for job in self._repository.held_by(self._agent):
            if job.job_id not in held:
                yield from self._try_adopt(job, self._agent, now)
        for name in self._names.dead():
            for job in self._repository.held_by(name):
                yield from self._try_adopt(job, name, now)

    def give_up_expired(self, held: Container[str]) -> None:
        """Give up the attempts whose lease has expired."""
        for job in self._repository.expired(self._options.margin):
            if job.job_id not in held:
                try:
                    self._mark_dead(job, attempt_of(self._files, job))
                except OSError as fault:
                    log.error("job %s could not be given up: %s", job.job_id, fault)

    def _try_adopt(self, job: Job, held_by: str, now: datetime) -> list[HeldJob]:
        """The job, if it could be adopted. An OSError of one job does not stop the others."""
        try:
            return list(self._adopt(job, held_by, now))
        except OSError as fault:
            log.error("job %s could not be adopted: %s", job.job_id, fault)
            return []

    def _adopt(self, job: Job, held_by: str, now: datetime) -> Iterator[HeldJob]:
        files = attempt_of(self._files, job)
        if not files.is_supervised() and read_record(files) is None and not self._mark_dead(job, files):
            return
        until = now + self._options.lease
        if self._repository.take_over(job, held_by, self._options.lease):
            log.info("job %s was adopted from %s", job.job_id, held_by)
            yield HeldJob(job, files, until, Phase.RUNNING)

    def _mark_dead(self, job: Job, files: AttemptFiles) -> bool:
        """Give up an attempt, and make sure that it cannot start any more. True where it runs after all."""
        if files.folder.is_dir():
            # A supervisor checks this before it starts anything, in case it is just starting.
            files.ask_cancel()
        if files.is_supervised():
            return True
        record = read_record(files)
        if record is not None and record.reason not in (JobReason.LOST, JobReason.CANCELLED) and record.fence == job.fence:
            self._repository.finish(job, outcome_of(record.reason, record.exit_code))
        else:
            log.warning("job %s is lost with its agent", job.job_id)
            self._repository.give_up(job, began=files.state.exists())
        return False


def attempt_of(files: JobFiles, job: Job) -> AttemptFiles:
    """The files of a job's newest attempt."""
    return files.attempt(job.job_id, job.attempt, job.attempt_fence)


def read_record(files: AttemptFiles) -> ExitRecord | None:
    """The exit record of an attempt; an unreadable one counts as an engine error."""
    try:
        return files.read_exit()
    except (OSError, ValueError) as broken:
        now = datetime.now(UTC)
        return ExitRecord(0, JobReason.ENGINE_ERROR, now, now, detail=f"the exit record cannot be read: {broken}")
