"""The uploader: copies received files to the bucket in the background, and retries until it succeeds."""
from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from threading import Event

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from api.storage.database import transact
from api.storage.files.backends import Backend, LocalBackend, Stat
from api.storage.files.integrity import Integrity
from api.storage.files.paths import digest_in
from api.storage.files.pending_uploads import PendingUpload, claim_uploads, record_failure, record_sent
from api.supervision.loop import Task

log = logging.getLogger(__name__)

BATCH_SIZE = 8
# Longer than the upload of the largest file; after this time others retry the uploads of a dead process.
LEASE = timedelta(minutes=15)


class FileMissing(Exception):
    """The file does not exist any more."""


class Uploader:
    """Uploads the files in the outbox, a few at a time. Several processes may do so at the same time."""

    def __init__(
        self, app: Flask, local: LocalBackend, bucket: Backend, *, clock: Callable[[], datetime], integrity: Integrity | None = None,
    ) -> None:
        self._app, self._local, self._bucket, self._clock, self._integrity = app, local, bucket, clock, integrity or Integrity()

    def task(self, *, every: float, wake: Event) -> Task:
        """A periodic task that also wakes when a file arrives. The largest file may take as long as its lease."""
        return Task("uploader", self.send_due, every, wake=wake, overdue=LEASE.total_seconds())

    def send_due(self) -> int | None:
        """Upload a batch of due files; how many succeeded, None where none was due."""
        with self._app.app_context():
            claimed = transact(partial(claim_uploads, self._clock(), LEASE, BATCH_SIZE))
            return sum([self._send(upload) for upload in claimed]) if claimed else None

    def _send(self, upload: PendingUpload) -> bool:
        try:
            self._upload(upload.name)
            transact(partial(record_sent, upload))
        except (FileMissing, FileNotFoundError) as lost:
            log.warning("%s was to go to the bucket, and cannot: %s", upload.name, lost)
            transact(partial(record_sent, upload))
            return False
        except SQLAlchemyError:
            raise
        # A failure of one file must not stop the others.
        except Exception as fault:
            log.warning(
                "%s did not reach the bucket (%s); trying again in %s", upload.name, fault, upload.next_delay,
                exc_info=not isinstance(fault, OSError))
            transact(partial(record_failure, upload, self._clock()))
            return False
        return True

    def _upload(self, name: str) -> None:
        """Upload a file unless the bucket has it. Raises FileMissing."""
        here = self._local.stat(name)
        if here is None:
            raise FileMissing("it is not on the disk any more")
        if not self._integrity.is_sound(name, here, self._local):
            raise FileMissing("its content is not what its name says")
        if not self._has_arrived(name, here):
            self._bucket.put(name, self._local.path(name))

    def _has_arrived(self, name: str, here: Stat) -> bool:
        # Runs that fail alike send the same output again and again; what is named by its content is sent once.
        if digest_in(name) is None:
            return False
        there = self._bucket.stat(name)
        return there is not None and there.size == here.size and self._integrity.is_sound(name, there, self._bucket)
