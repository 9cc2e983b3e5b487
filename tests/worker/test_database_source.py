"""The claims on the database do what the fake ones do, on either kind of server."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, update

from api.domain.runs.run import Phase
from api.installation import SYSTEM_RANDOM, utc_now
from api.services.results.verdicts import derive_state
from api.services.runs.leases import give_up_expired_leases
from api.storage.database import attach, change, database_now, session, transaction
from api.storage.files.incoming import FileStore
from api.storage.runs.progress import list_events, record_event
from api.storage.tables import ClaimRow
from api.worker.database_source import DatabaseRunSource
from api.worker.run_source import RunSourceUnavailable
from api.worker.suite import load_suite
from tests.builders import MAIN_REPOSITORY, add_regression_test, add_run
from tests.clocks import OFF, clock_off
from tests.databases import Database
from tests.worker.run_source_suite import ClaimsSuite

LEASE = timedelta(minutes=1)


@dataclass
class DatabaseQueue:
    """The database's side of the claims: runs come in, lapse and end."""

    run_source: DatabaseRunSource

    def add(self, platform: str = "linux") -> int:
        """Queue a run; return its id."""
        return add_run(platform=platform)

    def cancel(self, run_id: int) -> None:
        """End a run as a person would."""
        with transaction():
            record_event(run_id, Phase.CANCELED, "Canceled by a person.", at=utc_now(), origin=None)
            derive_state(run_id)

    def lapse(self, run_id: int) -> None:
        """Let a claim's lease end."""
        with transaction():
            change(update(ClaimRow).where(ClaimRow.run_id == run_id).values(deadline=database_now() - LEASE))

    def ended_with(self, run_id: int) -> str | None:
        """The message of the run's cancellation."""
        session().rollback()
        return next((event.message for event in list_events(run_id) if event.phase is Phase.CANCELED), None)


class TestLeasedClaims(ClaimsSuite):
    """The suite, over SQLite and MariaDB."""

    @pytest.fixture
    def queue(self, database: Database, tmp_path: Path) -> DatabaseQueue:
        add_regression_test()
        store = FileStore(tmp_path)
        store.prepare()
        return DatabaseQueue(DatabaseRunSource(database.app, "worker", store, MAIN_REPOSITORY, lease=LEASE, chance=SYSTEM_RANDOM))

    def test_a_claimed_run_finds_its_suite_in_the_store(self, queue: DatabaseQueue, tmp_path: Path) -> None:
        queue.add()

        claimed = self.taken(queue)

        assert len(load_suite(tmp_path / "vm_data" / f"linux-{claimed.run_id}" / "ci-tests")) == 1

    @pytest.mark.parametrize("off", OFF, ids=str)
    def test_a_run_stays_with_a_worker_whose_clock_is_wrong_and_is_lost_with_it_no_later(
        self, database: Database, queue: DatabaseQueue, off: timedelta,
    ) -> None:
        run_id = queue.add()

        with clock_off(database, off):
            claimed = self.taken(queue)
            early = give_up_expired_leases(database_now(), SYSTEM_RANDOM)
            renewed = queue.run_source.renew(claimed)
            left = session().execute(select(ClaimRow.deadline)).scalar_one() - database_now()
            queue.lapse(run_id)
            late = give_up_expired_leases(database_now(), SYSTEM_RANDOM)

        assert (early, renewed, late) == (0, True, 1)
        assert LEASE - timedelta(seconds=30) < left <= LEASE

    @pytest.mark.parametrize("lost", [False, True])
    def test_a_run_that_was_given_up_is_queued_anew_only_where_it_had_no_part_in_it(self, queue: DatabaseQueue, lost: bool) -> None:
        run_id = queue.add()

        queue.run_source.release(self.taken(queue), "[worker] The worker was stopped.", lost=lost)

        assert queue.ended_with(run_id) == "[worker] The worker was stopped."
        assert (queue.run_source.claim("linux") is not None) is lost

    def test_a_claim_names_the_tests_whose_output_is_printed_which_the_suite_calls_a_file(
        self, queue: DatabaseQueue, tmp_path: Path,
    ) -> None:
        report = add_regression_test(output_type="report")
        queue.add()

        claimed = self.taken(queue)

        assert claimed.reports == {report.regression_id}
        suite = load_suite(tmp_path / "vm_data" / f"linux-{claimed.run_id}" / "ci-tests")
        assert [test.output_type for test in suite] == ["file", "file"]

    def test_a_store_that_takes_no_suite_ends_the_run_with_the_reason(self, queue: DatabaseQueue, tmp_path: Path) -> None:
        run_id = queue.add()
        (tmp_path / "vm_data").rmdir()
        (tmp_path / "vm_data").touch()

        with pytest.raises(RunSourceUnavailable):
            queue.run_source.claim("linux")

        assert queue.ended_with(run_id) == "[storage] The run's suite could not be written to the file store."

    def test_a_database_that_is_away_is_told_from_an_empty_queue(self, tmp_path: Path) -> None:
        away = Flask("away")
        attach(away, f"sqlite:///{tmp_path / 'nothing.db'}", pool_size=1)
        run_source = DatabaseRunSource(away, "worker", FileStore(tmp_path), MAIN_REPOSITORY, lease=LEASE, chance=SYSTEM_RANDOM)

        with pytest.raises(RunSourceUnavailable):
            run_source.claim("linux")
