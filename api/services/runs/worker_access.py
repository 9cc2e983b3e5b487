"""What a worker's token gives access to: its run, the run's tests and outputs."""
from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from api.domain.errors import NotFound
from api.domain.runs.expected_tests import ExpectedTests
from api.domain.runs.run import RunStatus
from api.services.runs.platform_sync import sync_run
from api.storage.runs.expected_tests import load_expected_tests
from api.storage.runs.run_rows import OVER, UNJUDGED
from api.storage.runs.worker_secrets import find_expected_tests_id, find_secret, lock_reported_run


@dataclass(frozen=True, slots=True)
class WorkerRun:
    """A run as its worker's messages need it."""

    run_id: int
    status: RunStatus
    expected_tests_id: int | None

    def load_expected(self) -> ExpectedTests:
        """What it is to execute."""
        return load_expected_tests(self.expected_tests_id)


def is_worker_token(run_id: int, token: str, now: datetime, grace: timedelta) -> bool:
    """Whether this is the run's token and still valid: after the run's end it is valid for a grace period only."""
    found = find_secret(run_id)
    if found is None or not found.secret or not hmac.compare_digest(found.secret.encode(), token.encode("utf-8", "surrogatepass")):
        return False
    if found.status not in (UNJUDGED, *OVER):
        return True
    # An end in the future, or an unreadable one, does not extend the validity.
    return found.completed_at is not None and abs(now - found.completed_at) <= grace


def lock_worker_run(run_id: int, now: datetime) -> WorkerRun:
    """Within a transaction: the run, held until its end; it is registered where this message is the first we hear of it."""
    row = lock_reported_run(run_id)
    if row is None:
        sync_run(run_id, now)
        row = lock_reported_run(run_id)
    if row is None:
        raise NotFound("run", run_id)
    return WorkerRun(run_id, RunStatus.RUNNING if row[0] == UNJUDGED else RunStatus(row[0]), row[1])


def find_expected_tests(run_id: int) -> ExpectedTests:
    """What a run is to execute, which never changes and takes no lock; empty for a run that is not registered."""
    return load_expected_tests(find_expected_tests_id(run_id))
