"""Stores of jobs for tests: on a disk that all servers share, or in a database and a bucket."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask import Flask

from api.storage.files.archive import Archive
from api.storage.files.backends import Backend, LocalBackend
from api.storage.files.incoming import FileStore
from api.storage.jobs.attempt_logs import LogsOnDisk
from api.storage.jobs.job_store import JobStore
from api.storage.jobs.logs_in_database import LogsInDatabase
from api.storage.jobs.places import AttemptPlace, project_name
from tests.storage.files.emulator import BUCKET, Emulator


def in_bucket_alone(emulator: Emulator) -> dict[str, str]:
    """Settings of servers that share this bucket, and no disk."""
    return {
        "CI_BUCKET": BUCKET, "CI_BUCKET_ONLY": "true", "CI_BUCKET_ENDPOINT": emulator.endpoint,
        "CI_SIGNING_KEY": "a secret of the tests, and of nobody else"}


def archive_at(store: Backend) -> Archive:
    """An archive of one store."""
    return Archive([store], clock=lambda: datetime.now(UTC), link_lifetime=timedelta(hours=1))


def store_on_disk(root: Path) -> JobStore:
    """A store in a folder."""
    return JobStore(archive_at(LocalBackend(root, lambda _: "")), LogsOnDisk(root), FileStore(root))


def store_in_bucket(app: Flask, bucket: Backend, spool: Path) -> JobStore:
    """A store in a bucket, whose logs grow in the database of this application; the disk has nothing for longer than a request."""
    spool.mkdir(parents=True, exist_ok=True)
    files = archive_at(bucket)
    return JobStore(files, LogsInDatabase(app, files), FileStore(spool))


def keep(store: JobStore, name: str, content: bytes) -> None:
    """Store a file."""
    with store.spool.receive() as incoming:
        incoming.write(content)
        store.files.keep(name, incoming)


def keep_project(store: JobStore, job_id: str, content: bytes) -> None:
    """Store the zip of a job."""
    keep(store, project_name(job_id), content)


def content(store: JobStore, name: str) -> bytes | None:
    """What is stored under a name."""
    found = store.files.open(name)
    return None if found is None else found.read(0, found.size)


def log_of(store: JobStore, place: AttemptPlace) -> bytes | None:
    """A whole log."""
    found = store.logs.open(place)
    return None if found is None else found.read(0, found.size)
