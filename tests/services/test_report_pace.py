"""How often machines report: by what is claimed on either database, counted now and then."""
from __future__ import annotations

from datetime import timedelta

from api.domain.jobs.job import JobStatus
from api.services.report_pace import COUNTED_FOR, ReportPace
from api.services.runs.leases import claim_run
from api.storage.runs.leases import Holder
from tests.builders import MAIN_REPOSITORY, NOW, add_run, add_user
from tests.counting import counted
from tests.databases import Database
from tests.submitted_jobs import add_job

LEASE = timedelta(minutes=1)


def claim(number: int) -> None:
    add_run(commit=f"{number:040x}")
    assert claim_run(Holder(f"m{number}", "s"), "linux", MAIN_REPOSITORY, now=NOW, lease=LEASE) is not None


def test_machines_wait_longer_the_more_is_claimed_and_it_is_counted_now_and_then(database: Database) -> None:
    owner, seconds = add_user(), [0.0]
    pace = ReportPace(2, LEASE, clock=lambda: seconds[0])
    found = [pace.seconds()]

    for number in range(3):
        claim(number)
        add_job(owner, JobStatus.RUNNING)
        with counted() as cost:
            found.append(pace.seconds())
        assert cost.statements == 0
        seconds[0] += COUNTED_FOR
        with counted() as cost:
            found.append(pace.seconds())
        assert cost.statements == 2

    assert found == [0, 0, 1, 1, 2, 2, 3]
