"""The agent's main loop: claims, prepares, watches and finishes jobs, and adopts those of dead agents.

Only the loop claims jobs and renews leases; each job that is being prepared or finished has a thread of its own. Jobs run in
supervisors, so that they outlive the agent. All state that a restart needs is in the database and in attempts' folders.
"""
from __future__ import annotations

import logging
import os
import select
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from api.domain.jobs.agents import HEARTBEAT_INTERVAL
from api.domain.jobs.agents import Agent as AgentRecord
from api.domain.jobs.exit_record import ExitRecord
from api.domain.jobs.job import Job, JobReason, outcome_of
from api.host.slots import Slot, Slots
from api.jobs.agent.finishing import Finisher
from api.jobs.agent.held_job import ClaimLost, HeldJob, Phase
from api.jobs.agent.job_repository import JobRepository, RepositoryUnavailable
from api.jobs.agent.names import AgentNames
from api.jobs.agent.options import AgentOptions
from api.jobs.agent.orphan_recovery import OrphanRecovery, attempt_of, read_record
from api.jobs.agent.preparing import Preparer
from api.jobs.wakeup.wakeup import Listener
from api.log_context import bind_log_context
from api.storage.jobs.files import JobFiles
from api.supervision.supervision import Supervision, is_exit

log = logging.getLogger(__name__)

SHUTDOWN_SECONDS = 5.0
FORGET_AFTER = timedelta(days=1)
NEVER = datetime.min.replace(tzinfo=UTC)
STEPS = ("ends", "leases", "adoption", "lost attempts", "claims", "heartbeat", "rest")


class Agent:
    """An agent. Without a `preparer`, where there is no sandbox, it claims nothing, and only looks after running jobs."""

    def __init__(
        self, record: AgentRecord, options: AgentOptions, repository: JobRepository, files: JobFiles, slots: Slots, names: AgentNames,
        finisher: Finisher, preparer: Preparer | None, *, clock: Callable[[], datetime],
    ) -> None:
        self._record, self._options, self._repository, self._files, self._slots = record, options, repository, files, slots
        self._finisher, self._preparer, self._clock = finisher, preparer, clock
        self._orphan_recovery = OrphanRecovery(record.name, options, repository, files, names)
        self._held: dict[str, HeldJob] = {}
        self._threads: set[threading.Thread] = set()
        self._stopping = threading.Event()
        self._wake_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._next_heartbeat = self._next_poll = self._next_renewal = NEVER
        self._available_since: datetime | None = None
        self._trouble = record.trouble
        self._steps = {step: Supervision(f"agent: {step}") for step in STEPS}

    def run(self, listener: Listener) -> None:
        """Run until `stop`; running jobs go on, and are adopted by another agent."""
        while not self._stopping.is_set():
            self.run_once()
            with self._step("rest"):
                self._rest(listener)
            if any(step.pause for step in self._steps.values()):
                # A failed step would make the loop spin. Leases are still renewed in time.
                self._stopping.wait(self._options.poll.total_seconds())
        self._shut_down()

    def stop(self) -> None:
        """Stop `run`; may be called by a signal handler."""
        self._stopping.set()
        os.eventfd_write(self._wake_fd, 1)

    def suspend_claims(self, trouble: str | None) -> None:
        """Claim no jobs while there is such a trouble, since all would fail. Thread-safe."""
        self._trouble = trouble
        os.eventfd_write(self._wake_fd, 1)

    @property
    def held_names(self) -> frozenset[str]:
        """The names of the workspaces in use."""
        return frozenset(held.name for held in list(self._held.values()))

    @property
    def is_idle(self) -> bool:
        """Whether no job is being prepared or finished."""
        return not self._threads

    def run_once(self) -> None:
        """Do every step once. A failed step does not stop the others, unless the database is unavailable."""
        now = self._clock()
        with self._step("ends"):
            self._reap_ended()
        try:
            with self._step("leases"):
                self._keep_leases(now)
            if now >= self._next_poll:
                self._next_poll = now + self._options.poll
                with self._step("adoption"):
                    self._adopt(now)
                with self._step("lost attempts"):
                    self._give_up_expired(now)
            with self._step("claims"):
                self._claim()
            with self._step("heartbeat"):
                self._heartbeat(now)
            self._available_since = self._available_since or now
        except RepositoryUnavailable as closed:
            if self._available_since is not None or not closed.is_outage:
                log.error("the database is unavailable; jobs go on: %s", closed, exc_info=None if closed.is_outage else closed)
            self._available_since = None

    def _step(self, name: str) -> AbstractContextManager[None]:
        return self._steps[name].attempt(is_exit=_is_beyond_a_step)

    def _heartbeat(self, now: datetime) -> None:
        if now >= self._next_heartbeat or self._record.trouble != self._trouble:
            self._record = replace(self._record, trouble=self._trouble)
            self._repository.heartbeat(replace(self._record, running=len(self._held)))
            self._next_heartbeat = now + HEARTBEAT_INTERVAL

    def _rest(self, listener: Listener) -> None:
        """Wait for a wake-up, a thread, the end of a job, or the next poll."""
        waiting = select.poll()
        watched = [held.watch_supervisor() for held in self._held.values() if held.phase is Phase.RUNNING]
        for each in (listener.descriptor, self._wake_fd, *(each for each in watched if each is not None)):
            waiting.register(each, select.POLLIN)
        if None not in watched and waiting.poll(self._options.poll.total_seconds() * 1000):
            listener.clear()
            _clear(self._wake_fd)

    def _reap_ended(self) -> None:
        for held in list(self._held.values()):
            if held.phase is Phase.DONE:
                held.unwatch_supervisor()
                del self._held[held.job.job_id]
            elif held.phase is Phase.RUNNING and _has_ended(held):
                held.unwatch_supervisor()
                held.phase = Phase.FINISHING
                self._in_thread(held, partial(self._finish_running, held))

    def _keep_leases(self, now: datetime) -> None:
        """Renew all leases when that is due, and apply cancel requests."""
        fences = {held.job.job_id: held.job.fence for held in self._held.values()}
        if not fences:
            return
        until = None
        if now >= self._next_renewal:
            # By this host's clock, for its supervisors; the database's lease starts a little later.
            until = now + self._options.lease
            found = self._repository.renew(fences, self._options.lease)
            self._next_renewal = now + self._options.renewal
        else:
            found = self._repository.states(fences)
        for held in list(self._held.values()):
            with _log_context(held.job):
                self._apply_state(held, found.get(held.job.job_id), until)

    def _apply_state(self, held: HeldJob, job: Job | None, until: datetime | None) -> None:
        try:
            if job is None or job.fence != held.job.fence or job.status.is_finished:
                # A thread of this agent may just have reported the end.
                if held.phase in (Phase.PREPARING, Phase.RUNNING):
                    log.warning("job %s was claimed by another agent; it is killed here", held.job.job_id)
                    held.revoke()
                return
            if until is not None:
                held.extend(until)
            if job.cancel_requested:
                held.cancel()
        except OSError as fault:
            log.error("the lease or cancel of job %s could not be passed to its supervisor: %s", held.job.job_id, fault)

    def _claim(self) -> None:
        while self._preparer is not None and self._trouble is None and not self._stopping.is_set() and self._repository.is_any_waiting():
            slot = self._slots.take()
            if slot is None or not self._claim_for(slot):
                return

    def _claim_for(self, slot: Slot) -> bool:
        """Claim a job for a slot; without one, release the slot."""
        until = self._clock() + self._options.lease
        job = None
        try:
            # If another agent claims the first job, there may be a second one.
            job = self._repository.claim(self._options.lease) or self._repository.claim(self._options.lease)
        finally:
            if job is None:
                slot.release()
        if job is None:
            return False
        held = HeldJob(job, attempt_of(self._files, job), until, Phase.PREPARING)
        self._held[job.job_id] = held
        try:
            self._in_thread(held, partial(self._prepare, held, slot))
        except RuntimeError:
            # This host has no threads left; another agent's may have.
            slot.release()
            self._repository.put_back(job)
            raise
        return True

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
        """Return a job to the queue before it has started, unless another agent has claimed it."""
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
                self._repository.finish(held.job, outcome_of(JobReason.ENGINE_ERROR, None))
        held.phase = Phase.DONE

    def _adopt(self, now: datetime) -> None:
        for held in self._orphan_recovery.adopt_orphans(self._held, now):
            self._held[held.job.job_id] = held
            self._apply_state(held, held.job, now + self._options.lease)

    def _give_up_expired(self, now: datetime) -> None:
        """Give up jobs of other hosts' dead agents. After an outage of the database, living agents get a lease's time to renew."""
        if self._available_since is not None and now >= self._available_since + self._options.lease:
            self._orphan_recovery.give_up_expired(self._held)

    def _shut_down(self) -> None:
        """Wait for threads, and extend the leases of running jobs until they are adopted."""
        for thread in list(self._threads):
            thread.join(SHUTDOWN_SECONDS / max(1, len(self._threads)))
        self._reap_ended()
        running = {each.job.job_id: each for each in self._held.values() if each.phase is Phase.RUNNING}
        try:
            until = self._clock() + self._options.handover
            for job_id in self._repository.renew({name: held.job.fence for name, held in running.items()}, self._options.handover):
                self._extend(running[job_id], until)
            self._repository.forget(FORGET_AFTER)
        except RepositoryUnavailable:
            log.warning("the database is unavailable; running jobs keep their current leases")
        if self._preparer is not None:
            self._preparer.close()
        if running:
            log.info("stopped; %d jobs go on", len(running))

    def _extend(self, held: HeldJob, until: datetime) -> None:
        try:
            held.extend(until)
        except OSError as fault:
            log.error("the lease of job %s could not be passed to its supervisor: %s", held.job.job_id, fault)

    def _in_thread(self, held: HeldJob, work: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                with _log_context(held.job):
                    work()
            # The job is released, and adopted as if its agent had died.
            except BaseException:
                log.exception("job %s was released", held.job.job_id)
                held.phase = Phase.DONE
            finally:
                self._threads.discard(thread)
                os.eventfd_write(self._wake_fd, 1)

        thread = threading.Thread(target=guarded, name="job", daemon=True)
        self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError:
            self._threads.discard(thread)
            held.phase = Phase.DONE
            raise


def _is_beyond_a_step(raised: BaseException) -> bool:
    """Whether this exception ends the whole round, or the agent."""
    return isinstance(raised, RepositoryUnavailable) or is_exit(raised)


def _log_context(job: Job) -> AbstractContextManager[None]:
    """Add the job and attempt to log lines."""
    return bind_log_context(job_id=job.job_id, attempt=job.attempt)


def _has_ended(held: HeldJob) -> bool:
    """Whether the supervisor has ended."""
    watched = held.watch_supervisor()
    return watched is None or bool(select.select([watched], [], [], 0)[0])


def _clear(descriptor: int) -> None:
    with suppress(BlockingIOError):
        os.eventfd_read(descriptor)
