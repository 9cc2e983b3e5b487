"""Leases of machines on runs, fenced by a number that only grows. Those of agents on jobs are in `api/storage/jobs/jobs.py`."""
from __future__ import annotations

from collections.abc import Collection
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from functools import partial

from api.domain.random_source import RandomSource
from api.domain.runs.infrastructure import EventOrigin, origin_of_report
from api.domain.runs.machine import IsThere, MachineLeft, RunClaim, always, present
from api.domain.runs.run import Phase, Platform
from api.services.results.verdicts import derive_state
from api.services.runs.platform_sync import catch_up
from api.services.runs.replacements import replace_run
from api.storage.database import transact
from api.storage.runs import leases
from api.storage.runs.leases import Claim, Holder
from api.storage.runs.progress import record_event

TAKEN = "Taken by worker"
LOST = "[worker] The worker was lost: its lease passed without a word."
RESTARTED = "[worker] The worker was lost: its machine started anew."


def claim_run(
    holder: Holder, platform: str, main_repository: str, *, now: datetime, lease: timedelta, is_there: IsThere = always,
) -> Claim | None:
    """Claim the next run in the platform's queue, and record a `preparation` event so that nobody else starts it.

    None where nothing is queued, the platform is in maintenance, or the machine is not there any more when the claim would be kept.
    """
    catch_up(now)
    if leases.in_maintenance(platform):
        return None
    with suppress(MachineLeft):
        return transact(lambda: present(_claim(holder, Platform(platform), main_repository, now, lease), is_there))
    return None


def _claim(holder: Holder, platform: Platform, main_repository: str, now: datetime, lease: timedelta) -> Claim | None:
    run_id = leases.lock_next_queued(platform, main_repository)
    if run_id is None:
        return None
    fence = leases.take(run_id, holder, now + lease)
    record_event(run_id, Phase.PREPARATION, f"{TAKEN} {holder.machine}", at=now)
    derive_state(run_id)
    return leases.load_claim(RunClaim(run_id, fence))


def find_unheard_claim(holder: Holder, holding: Collection[RunClaim | None], *, now: datetime, random_source: RandomSource) -> Claim | None:
    """A run that the process has claimed and does not know of, since it never got the answer; None where there is none.

    What an earlier process of the machine had claimed is lost with it, and is given up.
    """
    for claim, session in leases.list_held(holder.machine):
        if session != holder.session:
            release_lost_claim(claim, holder.machine, failure=RESTARTED, now=now, random_source=random_source)
        elif claim not in holding:
            return leases.load_claim(claim)
    return None


def renew_claim(claim: RunClaim, machine: str, *, deadline: datetime) -> bool:
    """Renew a lease; False when the run has finished or another machine has claimed it."""
    return transact(partial(leases.prolong, claim, machine, deadline))


def release_claim(claim: RunClaim, machine: str, *, failure: str | None, now: datetime) -> None:
    """Release a claim; with a failure, also cancel an unfinished run. A lost claim is left alone."""
    transact(partial(_release, claim, machine, failure, now))


def _release(claim: RunClaim, machine: str, failure: str | None, now: datetime) -> bool:
    """Whether the claim was still held, and its run was ended."""
    if not leases.remove(claim, machine) or failure is None:
        return False
    return _give_up(claim.run_id, failure, origin_of_report(Phase.CANCELED, failure), now)


def release_lost_claim(claim: RunClaim, machine: str, *, failure: str, now: datetime, random_source: RandomSource) -> None:
    """`release_claim` for a lost worker: a new run is queued in the place of an unfinished one."""
    def lose() -> None:
        if _release(claim, machine, failure, now):
            replace_run(claim.run_id, now=now, random_source=random_source)

    transact(lose)


def give_up_expired_leases(now: datetime, random_source: RandomSource) -> int:
    """Cancel the runs whose lease has expired, with the reason, and queue replacements. Returns their number."""
    lost = leases.list_expired(now)
    # A failure does not stop the others; it is raised once all were tried.
    with ExitStack() as all_of_them:
        for claim, machine in lost:
            all_of_them.callback(release_lost_claim, claim, machine, failure=LOST, now=now, random_source=random_source)
    return len(lost)


def _give_up(run_id: int, failure: str, origin: EventOrigin | None, now: datetime) -> bool:
    # Over, or restarted by the platform's own programs, which are not to lose it to a worker of before.
    if not leases.lock_running(run_id):
        return False
    record_event(run_id, Phase.CANCELED, failure, at=now, origin=origin)
    derive_state(run_id)
    return True
