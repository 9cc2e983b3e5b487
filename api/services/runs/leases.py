"""Leases of machines on runs, fenced by a number that only grows. Those of agents on jobs are in `api/storage/jobs/jobs.py`."""
from __future__ import annotations

from collections.abc import Collection
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from functools import partial

from api.domain.random_source import RandomSource
from api.domain.runs.claimed_run import Conclusion, ReportedError, given_up
from api.domain.runs.infrastructure_code import InfrastructureCode
from api.domain.runs.machine import IsThere, MachineLeft, RunClaim, always, present
from api.domain.runs.run import Phase, Platform
from api.services.results.verdicts import derive_state
from api.services.runs.platform_sync import catch_up
from api.services.runs.replacements import replace_run
from api.storage.database import transact
from api.storage.runs import leases
from api.storage.runs.leases import Claim, Holder
from api.storage.runs.progress import record_event
from api.storage.runs.unexecuted_tests import forget_test_errors

TAKEN = "Taken by worker"
LOST = ReportedError.of(InfrastructureCode.LEASE_LOST, "The worker was lost: its lease passed without a word.")
RESTARTED = ReportedError.of(InfrastructureCode.WORKER_RESTARTED, "The worker was lost: its machine started anew.")


def claim_run(
    holder: Holder, platform: str, main_repository: str, *, now: datetime, lease: timedelta, is_there: IsThere = always,
) -> Claim | None:
    """Claim a shard of a run that has begun, or the first one of the next run in the platform's queue.

    A `preparation` event is recorded with that, so that nobody else starts the run. None where nothing is queued, the platform is in
    maintenance, or the machine is not there any more when the claim would be kept.
    """
    catch_up(now)
    if leases.in_maintenance(platform):
        return None
    with suppress(MachineLeft):
        return transact(lambda: present(_claim(holder, Platform(platform), main_repository, now, lease), is_there))
    return None


def _claim(holder: Holder, platform: Platform, main_repository: str, now: datetime, lease: timedelta) -> Claim | None:
    run_id = leases.lock_begun(platform) or _begin_next(holder, platform, main_repository, now)
    return None if run_id is None else leases.load_claim(leases.take(run_id, holder, now + lease))


def _begin_next(holder: Holder, platform: Platform, main_repository: str, now: datetime) -> int | None:
    run_id = leases.lock_next_queued(platform, main_repository)
    if run_id is not None:
        forget_test_errors(run_id)
        leases.lay_out_shards(run_id, record_event(run_id, Phase.PREPARATION, f"{TAKEN} {holder.machine}", at=now))
        derive_state(run_id)
    return run_id


def find_unheard_claim(holder: Holder, holding: Collection[RunClaim | None], *, now: datetime, random_source: RandomSource) -> Claim | None:
    """A run that the process has claimed and does not know of, since it never got the answer; None where there is none.

    What an earlier process of the machine had claimed is lost with it, and is given up.
    """
    for claim, session in leases.list_held(holder.machine):
        if session != holder.session:
            lose_claim(claim, holder.machine, RESTARTED, now=now, random_source=random_source)
        elif claim not in holding:
            return leases.load_claim(claim)
    return None


def renew_claims(claims: Collection[RunClaim], machine: str, *, deadline: datetime) -> set[RunClaim]:
    """Renew leases. Returns those claims that the machine has; not those whose run has finished, or that are another's by now."""
    return transact(partial(leases.prolong, claims, machine, deadline))


def lose_claim(claim: RunClaim, machine: str, error: ReportedError, *, now: datetime, random_source: RandomSource) -> None:
    """End the claim of a machine that is lost, with the error: another run is queued in the place of an unfinished one."""
    def lose() -> None:
        is_running = leases.lock_running(claim.run_id)
        if not leases.remove(claim, machine):
            return
        if is_running:
            conclude(claim.run_id, given_up(error), now)
            replace_run(claim.run_id, now=now, random_source=random_source)
        else:
            leases.drop_waiting_shards(claim.run_id)

    transact(lose)


def conclude(run_id: int, conclusion: Conclusion, now: datetime) -> None:
    """Within a transaction that has locked the run: end it, and with it the shards of it that no machine has."""
    leases.drop_waiting_shards(run_id)
    record_event(run_id, conclusion.phase, conclusion.message, at=now, origin=conclusion.origin)
    derive_state(run_id)


def give_up_expired_leases(now: datetime, random_source: RandomSource) -> int:
    """Cancel the runs whose lease has expired, with the reason, and queue replacements. Returns their number."""
    lost = leases.list_expired(now)
    # A failure does not stop the others; it is raised once all were tried.
    with ExitStack() as all_of_them:
        for claim, machine in lost:
            all_of_them.callback(lose_claim, claim, machine, LOST, now=now, random_source=random_source)
    return len(lost)
