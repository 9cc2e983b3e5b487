"""Leases of workers on runs, fenced by a number that only grows. Those of agents on jobs are in `api/storage/jobs/jobs.py`."""
from __future__ import annotations

from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial

from api.domain.random_source import RandomSource
from api.domain.runs.infrastructure import EventOrigin, origin_of_report
from api.domain.runs.run import Phase, Platform
from api.services.results.verdicts import derive_state
from api.services.runs.platform_sync import catch_up
from api.services.runs.replacements import replace_run
from api.storage.database import transact
from api.storage.runs import leases
from api.storage.runs.leases import Claim
from api.storage.runs.progress import record_event

TAKEN = "Taken by worker"
LOST = "[worker] The worker was lost: its lease passed without a word."


def claim_run(worker: str, platform: str, main_repository: str, *, now: datetime, lease: timedelta) -> Claim | None:
    """Claim the next run in the platform's queue, and record a `preparation` event so that nobody else starts it.

    None where nothing is queued, or the platform is in maintenance.
    """
    catch_up(now)
    if leases.in_maintenance(platform):
        return None
    return transact(partial(_claim, worker, Platform(platform), main_repository, now, lease))


def _claim(worker: str, platform: Platform, main_repository: str, now: datetime, lease: timedelta) -> Claim | None:
    run_id = leases.lock_next_queued(platform, main_repository)
    if run_id is None:
        return None
    fence = leases.take(run_id, worker, now + lease)
    record_event(run_id, Phase.PREPARATION, f"{TAKEN} {worker}", at=now)
    derive_state(run_id)
    return leases.load_claim(run_id, fence, platform)


def renew_claim(run_id: int, fence: int, *, deadline: datetime) -> bool:
    """Renew a lease; False when the run has finished or another worker has claimed it."""
    return transact(partial(leases.prolong, run_id, fence, deadline))


def release_claim(run_id: int, fence: int, *, failure: str | None, now: datetime) -> None:
    """Release a claim; with a failure, also cancel an unfinished run. A lost claim is left alone."""
    transact(partial(_release, run_id, fence, failure, now))


def _release(run_id: int, fence: int, failure: str | None, now: datetime) -> bool:
    """Whether the claim was still held, and its run was ended."""
    if not leases.remove(run_id, fence) or failure is None:
        return False
    return _give_up(run_id, failure, origin_of_report(Phase.CANCELED, failure), now)


def release_lost_claim(run_id: int, fence: int, *, failure: str, now: datetime, chance: RandomSource) -> None:
    """`release_claim` for a lost worker: a new run is queued in the place of an unfinished one."""
    def lose() -> None:
        if _release(run_id, fence, failure, now):
            replace_run(run_id, now=now, chance=chance)

    transact(lose)


def give_up_expired_leases(now: datetime, chance: RandomSource) -> int:
    """Cancel the runs whose lease has expired, with the reason, and queue replacements. Returns their number."""
    lost = leases.list_expired(now)
    # A failure does not stop the others; it is raised once all were tried.
    with ExitStack() as all_of_them:
        for run_id, fence in lost:
            all_of_them.callback(release_lost_claim, run_id, fence, failure=LOST, now=now, chance=chance)
    return len(lost)


def _give_up(run_id: int, failure: str, origin: EventOrigin | None, now: datetime) -> bool:
    # Over, or restarted by the platform's own programs, which are not to lose it to a worker of before.
    if not leases.lock_running(run_id):
        return False
    record_event(run_id, Phase.CANCELED, failure, at=now, origin=origin)
    derive_state(run_id)
    return True
