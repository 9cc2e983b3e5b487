"""A source of runs that claims them in the server's database."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from api.domain.errors import StoreFull, Unavailable
from api.domain.random_source import RandomSource
from api.domain.runs.worker_suite import REPORT, SuiteTest, suite_files, suite_of
from api.services.runs.leases import claim_run, release_claim, release_lost_claim, renew_claim
from api.services.runs.runs import load_run
from api.storage.database import database_now
from api.storage.files.incoming import FileStore
from api.storage.runs.expected_tests import load_expected_tests
from api.storage.runs.leases import Claim
from api.worker.run_source import ClaimedRun, RunSourceUnavailable


class DatabaseRunSource:
    """RunSource on the database, by leases; what a claimed run is to execute is put in the file store at once.

    `clock` is the database's, and is asked within the application's context.
    """

    def __init__(
        self, app: Flask, worker: str, store: FileStore, main_repository: str, *, lease: timedelta, chance: RandomSource,
        clock: Callable[[], datetime] = database_now,
    ) -> None:
        self._app, self._worker, self._store, self._main_repository = app, worker, store, main_repository
        self._clock, self._lease, self._chance = clock, lease, chance

    def claim(self, platform: str) -> ClaimedRun | None:
        """Take the next run in the platform's queue, or None."""
        with self._database():
            claim = claim_run(self._worker, platform, self._main_repository, now=self._clock(), lease=self._lease)
            if claim is None:
                return None
            suite = suite_of(load_expected_tests(load_run(claim.run_id).expected_tests_id))
            self._hand_out(suite, claim)
            return ClaimedRun(
                claim.run_id, claim.token, str(claim.fence), claim.platform, claim.repository, claim.commit, claim.branch,
                claim.pull_request, frozenset(test.regression_id for test in suite if test.output_type == REPORT))

    def _hand_out(self, suite: Sequence[SuiteTest], claim: Claim) -> None:
        try:
            self._store.write_suite(claim.platform, claim.run_id, suite_files(suite))
        except Unavailable as refusal:
            why = f": {refusal.message[:1].lower()}{refusal.message[1:]}" if isinstance(refusal, StoreFull) else "."
            failure = f"[storage] The run's suite could not be written to the file store{why}"
            release_claim(claim.run_id, claim.fence, failure=failure, now=self._clock())
            raise RunSourceUnavailable from None

    def renew(self, claimed: ClaimedRun) -> bool:
        """Prolong the lease; False when the run is over, or the claim passed to another."""
        with self._database():
            return renew_claim(claimed.run_id, int(claimed.lease), deadline=self._clock() + self._lease)

    def release(self, claimed: ClaimedRun, failure: str | None = None, *, lost: bool = False) -> None:
        """End the claim, and with a failure the run, if it is not over; one that is `lost` is queued anew, as another run."""
        with self._database():
            if lost and failure is not None:
                release_lost_claim(claimed.run_id, int(claimed.lease), failure=failure, now=self._clock(), chance=self._chance)
            else:
                release_claim(claimed.run_id, int(claimed.lease), failure=failure, now=self._clock())

    @contextmanager
    def _database(self) -> Iterator[None]:
        try:
            with self._app.app_context():
                yield
        except SQLAlchemyError as failed:
            raise RunSourceUnavailable from failed
