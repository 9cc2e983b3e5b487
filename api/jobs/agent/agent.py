"""The agent's main loop: claims jobs, keeps their leases and watches them, and goes on with those of its predecessor.

Only the loop claims jobs and renews leases; what prepares and finishes them has threads of its own. Jobs run in
supervisors, so that they outlive the agent. All state that a restart needs is at the server and in attempts' folders.
"""
from __future__ import annotations

import logging
import os
import select
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from api.domain.jobs.agents import HANDOVER, HEARTBEAT_INTERVAL
from api.domain.jobs.agents import Agent as AgentRecord
from api.domain.jobs.claimed_job import ClaimedJob
from api.domain.runs.machine import ClaimState
from api.host.slots import Slot, Slots
from api.jobs.agent.finishing import Finisher
from api.jobs.agent.held_job import HeldJob, Phase
from api.jobs.agent.job_repository import JobRepository, RepositoryUnavailable
from api.jobs.agent.job_threads import JobThreads, job_log_context
from api.jobs.agent.log_shipping import LogShipper
from api.jobs.agent.options import AgentOptions
from api.jobs.agent.orphan_recovery import OrphanRecovery, attempt_of
from api.jobs.agent.preparing import Preparer
from api.jobs.files import JobFiles
from api.supervision.daemon_call import call_in_daemon_thread
from api.supervision.supervision import Supervision, is_exit

log = logging.getLogger(__name__)

SHUTDOWN_SECONDS = 5.0
# For so long it is waited for the word of a server that stops at the same time.
HANDOVER_SECONDS = 0.5
NEVER = datetime.min.replace(tzinfo=UTC)
STEPS = ("ends", "leases", "adoption", "claims", "wait")


class Agent:
    """An agent. Without a `preparer`, where there is no sandbox, it claims nothing, and only looks after running jobs.

    `files` are those of this host. `handed_over` says that the server, which stops too, has kept the jobs for this machine's next process.
    """

    def __init__(
        self, record: AgentRecord, options: AgentOptions, repository: JobRepository, files: JobFiles, slots: Slots,
        finisher: Finisher, shipper: LogShipper, preparer: Preparer | None, *, clock: Callable[[], datetime],
        handed_over: threading.Event | None = None,
    ) -> None:
        self._record, self._options, self._repository, self._files, self._slots = record, options, repository, files, slots
        self._shipper, self._preparer, self._clock = shipper, preparer, clock
        self._orphan_recovery = OrphanRecovery(options, repository, files, slots)
        self._held: dict[str, HeldJob] = {}
        self._stopping, self._handed_over = threading.Event(), handed_over or threading.Event()
        self._wake_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._job_threads = JobThreads(
            repository, finisher, preparer, self._stopping, clock=clock, on_release=self._look_for_orphans, on_end=self._wake)
        self._last_round = self._next_heartbeat = self._next_renewal = self._next_question = NEVER
        self._is_away = False
        self._trouble = record.trouble
        # Jobs that this machine has claimed, and that nobody looks after.
        self._orphans: Future[list[ClaimedJob]] | None = None
        self._are_orphans_due = True
        self._claim: Future[ClaimedJob | None] | None = None
        self._claimed_slot: Slot | None = None
        self._claim_begun = NEVER
        self._steps = {step: Supervision(f"agent: {step}") for step in STEPS}

    def run(self) -> None:
        """Run until `stop`; running jobs go on, and the next process of the machine adopts them."""
        threading.Thread(target=self._shipper.run, args=(self._running, self._stopping), name="logs", daemon=True).start()
        while not self._stopping.is_set():
            self.run_once()
            with self._step("wait"):
                self._await_news()
            if any(step.pause for step in self._steps.values()):
                # A failed step would make the loop spin. Leases are still renewed in time.
                self._stopping.wait(self._options.poll.total_seconds())
        self._shut_down()

    def stop(self) -> None:
        """Stop `run`; may be called by a signal handler."""
        self._stopping.set()
        self._wake()

    def suspend_claims(self, trouble: str | None) -> None:
        """Claim no jobs while there is such a trouble, since all would fail. Thread-safe."""
        self._trouble = trouble
        self._wake()

    @property
    def held_names(self) -> frozenset[str] | None:
        """The names of the workspaces in use; None while it is not known what its predecessor left."""
        return None if self._are_orphans_due else frozenset(held.name for held in list(self._held.values()))

    @property
    def is_idle(self) -> bool:
        """Whether no job is being prepared or finished."""
        return self._job_threads.are_idle

    def run_once(self) -> None:
        """Do every step once. A failed step does not stop the others, unless the server is unavailable."""
        now = self._clock()
        if now < self._last_round:
            # The host's clock was set back: what was due by the time of before is due now.
            self._next_heartbeat = self._next_renewal = self._next_question = NEVER
        self._last_round = now
        with self._step("ends"):
            self._reap_ended()
        try:
            with self._step("leases"):
                self._keep_leases(now)
            with self._step("adoption"):
                self._adopt(now)
            with self._step("claims"):
                self._take_claimed(now)
                self._ask_for_job(now)
            self._is_away = False
        except RepositoryUnavailable as closed:
            if not self._is_away or not closed.is_outage:
                log.error("the server is unavailable; jobs go on: %s", closed)
            self._is_away = True

    def _step(self, name: str) -> AbstractContextManager[None]:
        return self._steps[name].attempt(is_exit=_is_beyond_a_step)

    def _look_for_orphans(self) -> None:
        self._are_orphans_due = True

    def _wake(self) -> None:
        os.eventfd_write(self._wake_fd, 1)

    def _running(self) -> list[HeldJob]:
        return [held for held in list(self._held.values()) if held.phase is Phase.RUNNING]

    def _await_news(self) -> None:
        """Wait for an answer, a thread, the end of a job, or the next poll."""
        waiting = select.poll()
        watched = [held.watch_supervisor() for held in self._running()]
        for each in (self._wake_fd, *(each for each in watched if each is not None)):
            waiting.register(each, select.POLLIN)
        if None not in watched and waiting.poll(self._options.poll.total_seconds() * 1000):
            _clear(self._wake_fd)

    def _reap_ended(self) -> None:
        for held in list(self._held.values()):
            if held.phase is Phase.DONE:
                held.unwatch_supervisor()
                del self._held[held.job.job_id]
            elif held.phase is Phase.RUNNING and _has_ended(held):
                held.unwatch_supervisor()
                held.phase = Phase.FINISHING
                self._job_threads.finish(held)

    def _keep_leases(self, now: datetime) -> None:
        """Renew all leases, look for cancel requests, and say how this machine is, when that is due."""
        condition = self._condition(now)
        if condition is None and (not self._held or now < self._next_renewal):
            return
        # The server's lease starts a little later than now, by whatever clock.
        names = {held.job.claim: held for held in self._held.values()}
        states, seconds = self._repository.renew(names, condition)
        self._next_renewal = now + max(self._options.poll, timedelta(seconds=self._repository.report_seconds))
        if condition is not None:
            self._next_heartbeat = now + HEARTBEAT_INTERVAL
        for name, held in names.items():
            with job_log_context(held.job):
                self._apply_state(held, states.get(name, ClaimState.LOST), now + timedelta(seconds=seconds))

    def _condition(self, now: datetime) -> dict[str, object] | None:
        """How this machine is, if it is to be said now."""
        if now < self._next_heartbeat and self._record.trouble == self._trouble:
            return None
        self._record = replace(self._record, trouble=self._trouble)
        record = self._record
        return {
            "slots": record.slots, "running": len(self._held), "sandbox": record.sandbox, "trouble": record.trouble,
            "missing": list(record.missing)}

    def _apply_state(self, held: HeldJob, state: ClaimState, until: datetime) -> None:
        try:
            if state is ClaimState.LOST:
                # A thread of this agent may just have reported the end.
                if held.phase in (Phase.PREPARING, Phase.RUNNING):
                    log.warning("job %s is no longer this machine's; it is killed here", held.job.job_id)
                    held.revoke()
                return
            held.extend(until)
            if state is ClaimState.CANCELLED:
                held.cancel()
        except OSError as fault:
            log.error("the lease or cancel of job %s could not be passed to its supervisor: %s", held.job.job_id, fault)

    def _adopt(self, now: datetime) -> None:
        """Look after what this machine has claimed and this process does not know of."""
        if self._orphans is None and self._are_orphans_due and self._claim is None and now >= self._next_question:
            self._orphans = call_in_daemon_thread(self._repository.held, "question", self._wake)
        if self._orphans is None or not self._orphans.done():
            return
        asked, self._orphans = self._orphans, None
        # Where this fails, it is tried again, and not at once.
        self._next_question = now + self._options.poll
        for held in self._orphan_recovery.adopt_orphans(asked.result(), self._held, now):
            self._held[held.job.job_id] = held
            self._next_renewal = NEVER
        self._are_orphans_due, self._next_question = False, NEVER

    def _ask_for_job(self, now: datetime) -> None:
        """Ask for a job while a slot is free, one question at a time."""
        is_ready = self._preparer is not None and self._trouble is None and not self._stopping.is_set()
        if not is_ready or self._claim is not None or self._are_orphans_due or now < self._next_question:
            return
        slot = self._slots.take()
        if slot is None:
            return
        try:
            self._claim = call_in_daemon_thread(partial(self._repository.claim, self._options.wait), "question", self._wake)
            self._claim_begun, self._claimed_slot = now, slot
        finally:
            if self._claim is None:
                slot.release()

    def _take_claimed(self, now: datetime) -> None:
        if self._claim is None or not self._claim.done():
            return
        asked, self._claim, slot, self._claimed_slot = self._claim, None, self._claimed_slot, None
        assert slot is not None, "a question is asked for a slot"
        job = None
        try:
            job = asked.result()
        except Exception:
            # The answer may have been lost on its way.
            self._are_orphans_due, self._next_question = True, now + self._options.poll
            raise
        finally:
            if job is None or self._trouble is not None:
                slot.release()
        if job is not None and self._trouble is not None:
            # It was asked for before there was trouble.
            self._repository.put_back(job)
        elif job is not None:
            self._begin(job, slot)

    def _begin(self, job: ClaimedJob, slot: Slot) -> None:
        held = HeldJob(job, attempt_of(self._files, job), self._claim_begun + self._options.lease, Phase.PREPARING)
        self._held[job.job_id] = held
        try:
            self._job_threads.prepare(held, slot)
        except RuntimeError:
            # This host has no threads left; another machine may have.
            slot.release()
            self._repository.put_back(job)
            raise

    def _shut_down(self) -> None:
        """Wait for threads, and extend the leases of running jobs until they are adopted."""
        self._job_threads.join(SHUTDOWN_SECONDS)
        self._reap_ended()
        running = {each.job.claim: each for each in self._running()}
        self._leave(running)
        if self._preparer is not None:
            self._preparer.close()
        if running:
            log.info("stopped; %d jobs go on", len(running))

    def _leave(self, running: Mapping[str, HeldJob]) -> None:
        try:
            self._put_back_claimed()
            now = self._clock()
            states, seconds = self._repository.leave(running)
            for name, held in running.items():
                if states.get(name) is not ClaimState.LOST:
                    self._extend(held, now + timedelta(seconds=seconds))
        except RepositoryUnavailable:
            if not self._handed_over.wait(HANDOVER_SECONDS):
                log.warning("the server is unavailable; running jobs keep their current leases")
                return
            for held in running.values():
                self._extend(held, self._clock() + HANDOVER)

    def _put_back_claimed(self) -> None:
        """Return the job that came while the agent stopped."""
        if self._claim is not None and self._claim.done() and (job := self._claim.result()) is not None:
            self._repository.put_back(job)

    def _extend(self, held: HeldJob, until: datetime) -> None:
        try:
            held.extend(until)
        except OSError as fault:
            log.error("the lease of job %s could not be passed to its supervisor: %s", held.job.job_id, fault)


def _is_beyond_a_step(raised: BaseException) -> bool:
    """Whether this exception ends the whole round, or the agent."""
    return isinstance(raised, RepositoryUnavailable) or is_exit(raised)


def _has_ended(held: HeldJob) -> bool:
    """Whether the supervisor has ended."""
    watched = held.watch_supervisor()
    return watched is None or bool(select.select([watched], [], [], 0)[0])


def _clear(descriptor: int) -> None:
    with suppress(BlockingIOError):
        os.eventfd_read(descriptor)
