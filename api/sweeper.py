"""What a server does between requests: sees runs that others made, judges old ones, gives up lost ones, removes what was abandoned."""
from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from api.storage.claims import give_up_abandoned
from api.storage.database import transact
from api.storage.enrolment import catch_up, count_pending, enrol_overlooked, judge_late_results, judge_pending
from api.storage.files import FileStore
from api.storage.outage import is_outage
from api.storage.tokens import seal_platform_tokens

log = logging.getLogger(__name__)

AT_ONCE = 50
# A file on its way in that nothing was written to for so long is nobody's any more, whatever its sender is waiting for.
ABANDONED_AFTER = timedelta(days=1)
TIDYING_EVERY = timedelta(minutes=10)


class Sweeper:
    """Sweeps in a thread of its own, every so many seconds, while the server runs. Several processes may sweep side by side."""

    def __init__(self, app: Flask, clock: Callable[[], datetime], *, every: float, files: FileStore | None = None) -> None:
        self._app, self._clock, self._every, self._files = app, clock, every, files
        self._next_tidying: datetime | None = None
        self._stop = threading.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Sweep as long as the context lasts."""
        self._stop.clear()
        thread = threading.Thread(target=self._run, name="sweeper", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()

    def sweep(self) -> None:
        """Sweep once."""
        now = self._clock()
        self._tidy(now)
        with self._app.app_context():
            catch_up(now)
            enrol_overlooked(now)
            transact(seal_platform_tokens)
            lost = give_up_abandoned(now)
            if lost:
                log.warning("gave up %d runs whose worker was lost", lost)
            self._judge()
            late = judge_late_results(now)
            if late:
                log.info("judged %d runs anew that results came for after their end", late)

    def _tidy(self, now: datetime) -> None:
        if self._files is None or self._next_tidying is not None and now < self._next_tidying:
            return
        self._next_tidying = now + TIDYING_EVERY
        if removed := self._files.remove_abandoned(now - ABANDONED_AFTER):
            log.info("removed %d files that were never taken in whole", removed)

    def _judge(self) -> None:
        pending = count_pending()
        done = 0
        while not self._stop.is_set() and (judged := judge_pending(AT_ONCE)):
            done += judged
            if done % (AT_ONCE * 10) == 0:
                log.info("judged %d of %d finished runs", done, pending)
        if done:
            log.info("judged %d finished runs", done)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.sweep()
            except SQLAlchemyError as failed:
                # A database that is away has no more to tell every so many seconds; anything else is a fault to be looked at.
                log.error(
                    "the database did not let the sweep through; trying again in %s seconds: %s", self._every, type(failed).__name__,
                    exc_info=not is_outage(failed))
            self._stop.wait(self._every)
