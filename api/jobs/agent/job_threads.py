"""Threads that prepare and finish the jobs of an agent, one for each job."""
from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from functools import partial

from api.domain.jobs.claimed_job import ClaimedJob, JobEnd
from api.domain.jobs.exit_record import ExitRecord
from api.domain.jobs.job import JobReason
from api.host.slots import Slot
from api.jobs.agent.finishing import Finisher
from api.jobs.agent.held_job import ClaimLost, HeldJob, Phase
from api.jobs.agent.job_repository import JobRepository, RepositoryUnavailable
from api.jobs.agent.orphan_recovery import read_record
from api.jobs.agent.preparing import Preparer
from api.log_context import bind_log_context

log = logging.getLogger(__name__)


class JobThreads:
    """Each thread moves its job to the next phase. `on_end` is called when one ends, before that `on_release` where it left its job."""

    def __init__(
        self, repository: JobRepository, finisher: Finisher, preparer: Preparer | None, stopping: threading.Event, *,
        clock: Callable[[], datetime], on_release: Callable[[], None], on_end: Callable[[], None],
    ) -> None:
        self._repository, self._finisher, self._preparer, self._stopping = repository, finisher, preparer, stopping
        self._clock, self._on_release, self._on_end = clock, on_release, on_end
        self._threads: set[threading.Thread] = set()

    @property
    def are_idle(self) -> bool:
        """Whether no job is being prepared or finished."""
        return not self._threads

    def prepare(self, held: HeldJob, slot: Slot) -> None:
        """Prepare a job, and release the slot. Raises RuntimeError where this host has no threads left: the slot is still taken then."""
        self._in_thread(held, partial(self._prepare, held, slot))

    def finish(self, held: HeldJob) -> None:
        """Finish a job whose supervisor has ended. Raises RuntimeError where this host has no threads left."""
        self._in_thread(held, partial(self._finish_running, held))

    def join(self, seconds: float) -> None:
        """Wait for the threads, for so long in all."""
        for thread in list(self._threads):
            thread.join(seconds / max(1, len(self._threads)))

    def _prepare(self, held: HeldJob, slot: Slot) -> None:
        assert self._preparer is not None
        try:
            record = self._preparer.prepare(held, slot, self._stopping)
        except ClaimLost:
            self._abandon(held)
            return
        # A bug fails one job, never the agent.
        except Exception as fault:
            log.exception("job %s could not be prepared", held.job.job_id)
            now = self._clock()
            record = ExitRecord(held.job.fence, JobReason.ENGINE_ERROR, now, now, detail=f"{type(fault).__name__}: {fault}")
        finally:
            slot.release()
        if record is None or held.files.is_supervised():
            held.phase = Phase.RUNNING
        else:
            held.phase = Phase.FINISHING
            self._finish(held, record)

    def _abandon(self, held: HeldJob) -> None:
        """Return a job to the queue before it has started, unless it is another machine's by now."""
        held.phase = Phase.FINISHING
        try:
            if not held.is_revoked:
                self._repository.put_back(held.job)
        except RepositoryUnavailable:
            log.warning("job %s could not be put back; its lease will expire", held.job.job_id)
        self._finisher.remove_workspace(held)
        held.phase = Phase.DONE

    def _finish_running(self, held: HeldJob) -> None:
        self._finish(held, read_record(held.files))

    def _finish(self, held: HeldJob, record: ExitRecord | None) -> None:
        try:
            self._finisher.finish(held, record, self._stopping)
        except ClaimLost:
            return
        # As above; without an outcome the job would be adopted and finished again and again.
        except Exception:
            log.exception("job %s could not be finished", held.job.job_id)
            with suppress(RepositoryUnavailable):
                self._repository.finish(held.job, JobEnd(JobReason.ENGINE_ERROR, log_bytes=held.shipped or 0))
        held.phase = Phase.DONE

    def _in_thread(self, held: HeldJob, work: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                with job_log_context(held.job):
                    work()
            # The job is released, and adopted as if its agent had died.
            except BaseException:
                log.exception("job %s was released", held.job.job_id)
                held.phase = Phase.DONE
                self._on_release()
            finally:
                self._threads.discard(thread)
                self._on_end()

        thread = threading.Thread(target=guarded, name="job", daemon=True)
        self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError:
            self._threads.discard(thread)
            held.phase = Phase.DONE
            raise


def job_log_context(job: ClaimedJob) -> AbstractContextManager[None]:
    """Add the job and attempt to log lines."""
    return bind_log_context(job_id=job.job_id, attempt=job.attempt)
