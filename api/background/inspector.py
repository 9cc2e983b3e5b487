"""The inspector: makes the media info of new samples in the background, one after another."""
from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event

from flask import Flask

from api.inspection.inspection import Unreadable, inspect
from api.storage.catalog.pending_media_info import PendingMediaInfo, claim_media_info, forget_media_info, is_wanted
from api.storage.database import transact
from api.storage.files import paths
from api.storage.files.archive import Archive
from api.storage.files.backends import LocalBackend
from api.storage.files.incoming import FileStore
from api.supervision.loop import Task

log = logging.getLogger(__name__)

# Longer than an inspection; after this time others take over from a dead process.
LEASE = timedelta(minutes=5)
# A file that breaks its inspector so often is left without media info.
ATTEMPTS = 3
PIECE = 4 << 20


class Inspector:
    """Describes samples; several processes may do so at the same time."""

    def __init__(
        self, app: Flask, archive: Archive, local: LocalBackend, store: FileStore, *, clock: Callable[[], datetime],
        describe: Callable[[Path, str], bytes] = inspect,
    ) -> None:
        self._app, self._archive, self._local, self._store = app, archive, local, store
        self._clock, self._describe = clock, describe

    def task(self, *, every: float, wake: Event) -> Task:
        """A periodic task that also wakes when a sample arrives."""
        return Task("inspector", self.describe_next, every, wake=wake, overdue=LEASE.total_seconds())

    def describe_next(self) -> bool | None:
        """Describe the sample that has waited longest; whether it can be described, None where none was due."""
        with self._app.app_context():
            claimed = transact(partial(claim_media_info, self._clock(), LEASE))
            if claimed is None:
                return None
            media_info = self._inspect(claimed) if claimed.attempts < ATTEMPTS else None
            return transact(partial(self._settle, claimed, media_info))

    def _inspect(self, sample: PendingMediaInfo) -> bytes | None:
        name = paths.sample_name(sample.sha, sample.extension)
        try:
            with self._on_disk(name) as path:
                return None if path is None or name is None else self._describe(path, name.removeprefix(paths.SAMPLES))
        except Unreadable as wrong:
            log.warning("sample %d has no media info: %s", sample.sample_id, wrong)
            return None

    @contextmanager
    def _on_disk(self, name: str | None) -> Iterator[Path | None]:
        """The file's path while the context lasts; what is in the bucket alone is fetched for that long."""
        if name is not None and self._local.stat(name) is not None:
            yield self._local.path(name)
            return
        with self._archive.hold(name) as source, self._store.receive() as incoming:
            for start in range(0, source.size if source else 0, PIECE):
                assert source is not None
                incoming.write(source.read(start, PIECE))
            yield incoming.path if incoming.has_begun else None

    def _settle(self, sample: PendingMediaInfo, media_info: bytes | None) -> bool:
        if media_info is not None and is_wanted(sample.sample_id):
            name = paths.media_info_name(sample.sha)
            with self._store.receive() as incoming:
                incoming.write(media_info)
                self._archive.keep(name or "", incoming)
                incoming.sync_name()
        forget_media_info(sample.sample_id)
        return media_info is not None
