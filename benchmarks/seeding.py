"""What the measured servers serve: a database with runs in every state, accounts, and a suite of regression tests."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask import Flask

from api.config import Settings
from api.domain.auth.access import Role
from api.domain.runs.run import Phase
from api.installation import attach_database
from api.services.runs.platform_sync import catch_up
from api.storage import schema
from api.storage.database import db, transaction
from api.storage.tables.runs import RunRow
from tests.builders import BuiltTest, add_event, add_passed_result, add_regression_test, add_run, add_token, add_user

RUNS = 50
SUITE = 300
# The limits are counted as always, and never reached.
NO_LIMITS = {
    "CI_RATE_READS": "1000000000", "CI_RATE_WRITES": "1000000000", "CI_RATE_WORKER": "1000000000", "CI_RATE_ANONYMOUS": "1000000000"}


@dataclass(frozen=True)
class Seeded:
    """A folder with a seeded database, and a token that may read it."""

    environment: dict[str, str]
    token: str
    database: Path


@contextmanager
def database_in(folder: Path) -> Iterator[dict[str, str]]:
    """A fresh, migrated database in a folder, with the variables that point a server to it, in an application context."""
    environment = {
        "CI_DATABASE_URL": f"sqlite:///{folder / 'ci.db'}", "SAMPLE_REPOSITORY": str(folder / "files"), **NO_LIMITS}
    app = Flask("benchmarks")
    attach_database(app, Settings.from_environment(environment))
    with app.app_context():
        schema.migrate(db.engine)
        yield environment
        db.session.remove()
        db.engine.dispose()


def seed_runs(folder: Path) -> Seeded:
    """Fifty runs as a busy week leaves them: passed, failed, canceled, running, queued; some of pull requests."""
    now = datetime.now(UTC)
    with database_in(folder) as environment:
        token = add_token(add_user("reader", role=Role.ADMIN), now=now)
        requester = add_user("A. Contributor", role=Role.CONTRIBUTOR)
        tests = [add_regression_test() for _ in range(3)]
        for number in range(RUNS):
            _add_run(number, now - timedelta(hours=RUNS - number), tests, requester)
        catch_up(now)
        with transaction() as current:
            for row in current.query(RunRow).filter(RunRow.run_id % 3 == 0):
                row.environment_id, row.reason, row.parent_sha = "linux-main", "Looks flaky; once more.", "b" * 40
    return Seeded(environment, token, folder / "ci.db")


def _add_run(number: int, at: datetime, tests: list[BuiltTest], requester: int) -> None:
    run_id = add_run(
        platform="windows" if number % 4 == 1 else "linux", branch=f"feature/{number % 7}",
        pull_request=2000 + number if number % 3 else 0, requester_id=requester if number % 2 else None)
    if number >= RUNS - 3:
        return
    add_event(run_id, Phase.PREPARATION, "Taken by worker linux-1", at=at)
    add_event(run_id, Phase.TESTING, "Running tests", at=at + timedelta(minutes=2))
    if number >= RUNS - 6:
        return
    for test in tests[:2 if number % 5 == 2 else 3]:
        add_passed_result(run_id, test)
    last = Phase.CANCELED if number % 9 == 4 else Phase.COMPLETED
    add_event(run_id, last, "[storage] No space left on device" if last is Phase.CANCELED else "Done", at=at + timedelta(minutes=30))


def seed_suite(folder: Path, runs: int) -> tuple[dict[str, str], list[tuple[int, str]], list[BuiltTest]]:
    """A suite of regression tests, and queued runs of all of it: variables, (run id, its worker's token), tests."""
    with database_in(folder) as environment:
        tests = [add_regression_test(command=f"-out=srt -test {number}") for number in range(SUITE)]
        tokens = [f"{number:064d}" for number in range(runs)]
        ids = [(add_run(token=token), token) for token in tokens]
        catch_up(datetime.now(UTC))
    return environment, ids, tests
