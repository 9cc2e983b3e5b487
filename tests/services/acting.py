"""What callers and workers do to runs, each in a transaction as the server does it."""
from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select

from api.domain.runs.infrastructure import EventOrigin
from api.domain.runs.run import Phase, RunStatus
from api.domain.runs.run_list import RunFilter, RunSort
from api.domain.runs.worker_message import Answer, EqualityMessage, FinishMessage, ProgressMessage, UploadMessage
from api.services.results import verdicts
from api.services.runs import leases, runs, worker_reports
from api.storage.database import Base, session, transact
from api.storage.runs import progress
from api.storage.runs.expected_tests import load_expected_tests
from api.storage.runs.leases import Claim
from api.storage.runs.new_runs import create_run
from tests.builders import MAIN_REPOSITORY, NOW, BuiltTest, add_user, minutes
from tests.storage.runs.requests import new_run

EVERYTHING = RunFilter()


def create(*tests: BuiltTest, at: datetime = NOW, requester_id: int | None = None) -> int:
    """Make a run of these tests through this server."""
    requester = add_user() if requester_id is None else requester_id
    ids = [test.regression_id for test in tests]
    return transact(lambda: create_run(new_run(ids, requester_id=requester, created_at=at)))


def tell(run_id: int, phase: Phase, words: str = "", *, at: datetime = NOW) -> Answer:
    """Report a phase."""
    message = ProgressMessage(phase, words)
    return transact(lambda: worker_reports.store_progress(run_id, message, now=at, main_repository=MAIN_REPOSITORY))


def finish(run_id: int, test: BuiltTest, exit_code: int = 0, runtime_ms: int = 100) -> Answer:
    """Report the end of a regression test."""
    message = FinishMessage(test.regression_id, exit_code, runtime_ms)
    return transact(lambda: worker_reports.store_finish(run_id, message, now=NOW))


def equal(run_id: int, test: BuiltTest, output: int = 0) -> Answer:
    """Report that an output matched."""
    message = EqualityMessage(test.regression_id, test.output_ids[output])
    return transact(lambda: worker_reports.store_equality(run_id, message, now=NOW))


def upload(run_id: int, test: BuiltTest, digest: str, output: int = 0) -> Answer:
    """Report an output that did not match."""
    message = UploadMessage(test.regression_id, test.output_ids[output])
    return transact(lambda: worker_reports.store_upload(run_id, message, now=NOW, place=lambda _output: digest))


def cancel(run_id: int, *, at: datetime = NOW) -> bool:
    """Cancel a run as a person does; False where it was over."""
    def work() -> bool:
        if runs.load_run(run_id, locked=True).status.is_finished:
            return False
        progress.record_event(run_id, Phase.CANCELED, "Canceled by ada via API", at=at, origin=EventOrigin(None))
        verdicts.derive_state(run_id)
        return True

    return transact(work)


def execute(run_id: int, *tests: BuiltTest, at: datetime = NOW) -> None:
    """Let a worker execute a run in which everything matches."""
    tell(run_id, Phase.PREPARATION, at=at)
    tell(run_id, Phase.TESTING, at=at)
    for test in tests:
        for output in range(len(test.output_ids)):
            equal(run_id, test, output)
        finish(run_id, test)
    tell(run_id, Phase.COMPLETED, at=at)


def count_rows(table: type[Base]) -> int:
    """How many rows a table has."""
    session().rollback()
    return session().execute(select(func.count()).select_from(table)).scalar_one()


def listed(wanted: RunFilter = EVERYTHING, sort: RunSort = RunSort.RUN_ID, *, limit: int = 100) -> list[int]:
    """The ids of the runs that a list shows."""
    found = [run.run_id for run in runs.list_runs(wanted, sort, limit=limit).items]
    session().rollback()
    return found


def renew(claim: Claim, machine: str, *, until: float) -> bool:
    """Renew a lease, until so many minutes have passed; whether the machine has it."""
    session().rollback()
    return claim.reference in leases.renew_claims([claim.reference], machine, deadline=minutes(until))


def status_of(run_id: int) -> RunStatus:
    """The status that a run shows."""
    found = runs.load_run(run_id).status
    session().rollback()
    return found


def statuses(run_ids: Sequence[int]) -> list[RunStatus]:
    """The statuses that these runs show."""
    return [status_of(run_id) for run_id in run_ids]


def expected_tests(run_id: int) -> tuple[int, ...]:
    """The regression tests that are expected of a run."""
    return load_expected_tests(runs.load_run(run_id).expected_tests_id).regression_ids
