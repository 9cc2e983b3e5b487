"""The sweeper: picks up runs that the platform changed, stores verdicts, gives up runs of lost workers, deletes abandoned files."""
from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from flask import Flask

from api.background.lease_grace import LeaseGrace
from api.domain.random_source import RandomSource
from api.installation import SYSTEM_RANDOM
from api.services.runs.leases import give_up_expired_leases
from api.services.runs.platform_sync import catch_up, judge_late_results, judge_pending, sync_overlooked
from api.services.runs.shard_files import ShardFiles
from api.storage.auth.tokens import fingerprint_platform_tokens
from api.storage.database import database_now, session, transact
from api.storage.files.archive import Archive
from api.storage.files.incoming import FileStore
from api.storage.runs.platform_changes import count_pending
from api.storage.runs.worker_secrets import erase_dead_secrets
from api.supervision.loop import Task

log = logging.getLogger(__name__)

BATCH_SIZE = 50
ERASE_BATCH_SIZE = 200
LOG_INTERVAL = BATCH_SIZE * 10
# An incoming file that was not written to for so long is abandoned.
ABANDONED_AFTER = timedelta(days=1)
TIDYING_INTERVAL = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class SecretErasure:
    """Erases workers' tokens a while after their runs have finished, unless another program shares the database.

    `is_shared` tells that, of a database that was reached.
    """

    grace: timedelta
    random_source: RandomSource
    is_shared: Callable[[], bool] = lambda: False


class Sweeper:
    """The tasks of the sweeper. Several processes may run them at the same time.

    After an outage machines get a `lease`'s time to renew, before their runs are given up.
    """

    def __init__(
        self, app: Flask, clock: Callable[[], datetime], files: FileStore | None = None, erasing: SecretErasure | None = None, *,
        lease: timedelta = timedelta(0), random_source: RandomSource = SYSTEM_RANDOM, archive: Archive | None = None,
    ) -> None:
        self._app, self._clock, self._files, self._erasing, self._random_source = app, clock, files, erasing, random_source
        self._archive = archive
        self._judged, self._grace = 0, LeaseGrace(lease)

    def tasks(self, *, every: float) -> list[Task]:
        """The periodic tasks; a failure or hang of one does not affect the others."""
        return [
            Task("platform_sync", self.sync, every),
            Task("token_fingerprints", self.fingerprint_tokens, every),
            Task("lost_runs", self.give_up_lost, every),
            Task("verdicts", self.judge, every),
            Task("late_results", self.judge_late, every),
            *([Task("dead_secrets", self.erase_secrets, every)] if self._erasing is not None else []),
            Task("abandoned_files", self.tidy, TIDYING_INTERVAL.total_seconds()),
        ]

    def sweep(self) -> None:
        """Do everything once."""
        self.tidy()
        self.sync()
        self.fingerprint_tokens()
        self.give_up_lost()
        while self.judge() is not None:
            continue
        self.judge_late()
        while self.erase_secrets() is not None:
            continue

    def sync(self) -> None:
        """Register the runs that the platform's own programs made."""
        now = self._clock()
        with self._app.app_context():
            catch_up(now)
            sync_overlooked(now)

    def fingerprint_tokens(self) -> None:
        """Bind the tokens that the platform issued to their accounts' present passwords."""
        with self._app.app_context():
            transact(fingerprint_platform_tokens)

    def give_up_lost(self) -> None:
        """Cancel the runs whose worker was lost, and queue replacements."""
        with self._grace.watched(), self._app.app_context():
            now = database_now()
            if self._grace.is_over(now) and (lost := give_up_expired_leases(now, self._random_source)):
                log.warning("gave up %d runs whose worker was lost", lost)

    def judge(self) -> int | None:
        """Judge a batch of finished runs without stored verdicts; their number, None where there are none."""
        with self._app.app_context():
            if judged := judge_pending(BATCH_SIZE):
                self._judged += judged
                if self._judged % LOG_INTERVAL == 0:
                    log.info("judged %d finished runs, %d are left", self._judged, count_pending())
                return judged
        if self._judged:
            log.info("judged %d finished runs", self._judged)
        self._judged = 0
        return None

    def judge_late(self) -> None:
        """Judge finished runs again whose results came late."""
        with self._app.app_context():
            if late := judge_late_results(self._clock()):
                log.info("judged %d finished runs again, whose results came late", late)

    def erase_secrets(self) -> int | None:
        """Erase a batch of expired workers' tokens; their number, None where there are none."""
        if self._erasing is None:
            return None
        with self._app.app_context():
            return transact(partial(_erase, self._erasing, self._clock())) or None

    def tidy(self) -> None:
        """Remove abandoned incoming files."""
        before = self._clock() - ABANDONED_AFTER
        if self._files is not None and (removed := self._files.remove_abandoned(before)):
            log.info("removed %d abandoned incoming files", removed)
        if self._archive is not None:
            self._archive.remove_abandoned(before)
        if self._archive is not None and self._files is not None:
            with self._app.app_context():
                ShardFiles(self._archive, self._files).remove_left(self._clock())


def _erase(erasing: SecretErasure, now: datetime) -> int:
    # The database is reached first, since it may have come only now.
    session().connection()
    return 0 if erasing.is_shared() else erase_dead_secrets(now - erasing.grace, erasing.random_source, most=ERASE_BATCH_SIZE)
