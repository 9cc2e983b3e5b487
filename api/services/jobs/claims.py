"""Leases of machines on jobs, fenced by a number that only grows; and what becomes of a job at the end of one."""
from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

from api.domain.jobs.agents import HANDOVER, Agent
from api.domain.jobs.claimed_job import JobEnd
from api.domain.jobs.job import Job, JobOutcome, outcome_of
from api.domain.runs.machine import ClaimState, IsThere, JobClaim, MachineLeft, always, present, unknown_claim
from api.storage.database import transact
from api.storage.jobs import agents, jobs
from api.storage.jobs.incoming_attempts import has_begun, keep_artifacts, kept_sizes, require_whole_log
from api.storage.jobs.job_store import JobStore
from api.storage.jobs.places import newest_attempt

log = logging.getLogger(__name__)


def claim_job(machine: str, *, now: datetime, lease: timedelta, per_owner: int, is_there: IsThere = always) -> Job | None:
    """Claim the next job that may be started; None where there is none, or the machine is not there any more when it would be kept."""
    def claim() -> Job | None:
        return present(jobs.claim_job(machine, now=now, lease_until=now + lease, per_owner=per_owner), is_there)

    with suppress(MachineLeft):
        # If another claims the first job, there may be a second one.
        return transact(claim) or transact(claim)
    return None


def held_job(claim: JobClaim, machine: str) -> Job:
    """The job of a claim. Raises NotFound where the machine has it no longer."""
    found = jobs.find_claimed(claim, machine)
    if found is None:
        raise unknown_claim(str(claim))
    return found


def renew_jobs(claims: Sequence[JobClaim], machine: str, *, deadline: datetime) -> dict[str, ClaimState]:
    """Renew the leases of these jobs. Returns how each claim stands, by its name."""
    held = transact(partial(jobs.renew_leases, machine, {each.job_id: each.fence for each in claims}, deadline))
    return {str(each): state_of(held.get(each.job_id)) for each in claims}


def state_of(job: Job | None) -> ClaimState:
    """How the claim of a job stands, None of one that was lost."""
    if job is None:
        return ClaimState.LOST
    return ClaimState.CANCELLED if job.cancel_requested else ClaimState.HELD


def record_agent(agent: Agent) -> None:
    """Write down how a machine that executes jobs is."""
    transact(partial(agents.save_agent, agent))


def leave(claims: Sequence[JobClaim], machine: str, now: datetime) -> dict[str, ClaimState]:
    """A machine's process ends: keep its jobs for the next one. Returns how each claim stands, by its name."""
    transact(partial(agents.delete_agent, machine))
    return renew_jobs(claims, machine, deadline=now + HANDOVER)


def leave_all(machine: str, now: datetime) -> None:
    """`leave`, with all that the machine has claimed."""
    leave([JobClaim(job.job_id, job.fence) for job in jobs.list_claimed_by(machine)], machine, now)


def end_job(claim: JobClaim, machine: str, end: JobEnd, store: JobStore, now: datetime) -> None:
    """Keep what a job left, then record how it ended. A claim that is lost, or was ended before, stays as it is.

    Raises Invalid for artifacts that were not sent or have names that no file can have, and Conflict for a log that is not whole.
    """
    job = jobs.find_claimed(claim, machine)
    if job is None:
        transact(partial(jobs.count_refused, claim.job_id, claim.fence))
        return
    attempt = newest_attempt(job)
    assert attempt is not None, "a claimed job has an attempt"
    require_whole_log(store, attempt, end.log_bytes)
    keep_artifacts(store, attempt, end.manifest)
    outcome = _with_counts(outcome_of(end.reason, end.exit_code), end.junit, end.log_bytes + kept_sizes(end.artifacts))
    transact(partial(jobs.finish_job, job.job_id, job.fence, outcome, now))


def _with_counts(outcome: JobOutcome, junit: Mapping[str, int] | None, kept_bytes: int) -> JobOutcome:
    tests, failed = (None, None) if junit is None else (junit["tests"], junit["failures"] + junit["errors"])
    return JobOutcome(outcome.status, outcome.success, outcome.reason, outcome.exit_code, tests, failed, kept_bytes)


def release_job(claim: JobClaim, machine: str, now: datetime) -> None:
    """Return a job to the queue whose attempt is not to take place. A claim that is lost stays as it is."""
    job = jobs.find_claimed(claim, machine)
    if job is not None:
        transact(partial(jobs.put_back, job, now))


def lose_job(claim: JobClaim, machine: str, now: datetime, *, began: bool) -> None:
    """End a job whose attempt is lost, or put it back into the queue. A claim that is lost stays as it is."""
    job = jobs.find_claimed(claim, machine)
    if job is not None:
        transact(partial(jobs.give_up_job, job, now, began=began))


def give_up_expired_jobs(store: JobStore, before: datetime, now: datetime) -> int:
    """Give up the jobs whose lease ended before that. Returns their number."""
    lost = 0
    for job in jobs.list_expired(before):
        attempt = newest_attempt(job)
        if transact(partial(jobs.give_up_job, job, now, began=attempt is not None and has_begun(store, attempt))):
            log.warning("job %s is lost with its machine, %s", job.job_id, job.machine)
            lost += 1
    return lost
