"""Makes the configured file stores: the disk, the bucket, and the archive over both."""
from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event
from typing import Protocol, cast

from flask import Flask

from api.config import ConfigurationError, Settings
from api.domain.auth.signing import SigningKey
from api.domain.files.signed_url import SignedUrl
from api.installation import file_permissions
from api.storage.auth.signing_key_file import load_secret
from api.storage.files.archive import Archive
from api.storage.files.backends import Backend, LocalBackend, TicketLink
from api.storage.files.circuit_breaker import CircuitBreaker
from api.storage.files.incoming import FileStore
from api.storage.files.integrity import Integrity
from api.storage.files.pending_uploads import record_upload
from api.storage.jobs.attempt_logs import AttemptLogs, LogsOnDisk
from api.storage.jobs.job_store import JobStore
from api.storage.jobs.logs_in_database import LogsInDatabase

BUCKET_THREADS = 24
# For how many seconds a request waits for the bucket.
BUCKET_TIMEOUT = 3.0
# How often the bucket gets a file that grows.
GROWTH_INTERVAL = timedelta(seconds=10)
# How long a download_url can be used.
LINK_LIFETIME = timedelta(hours=1)


class Bucket(Backend, Protocol):
    """A store that is not on this machine, so that somebody may ask whether it is there."""

    def probe(self) -> None:
        """Raise Unreachable unless it can be read."""
        ...


@dataclass(frozen=True)
class Stores:
    """What is configured; `arrived` is set whenever something waits to go to the bucket.

    `jobs` has the files of jobs, which are never shared with others, and lie in one store. `integrity` is what the archive knows of its
    files, so that nobody hashes them a second time.
    """

    archive: Archive
    jobs: Archive
    local: LocalBackend
    bucket: Bucket | None
    integrity: Integrity
    arrived: Event = field(default_factory=Event)


def load_signing_key(settings: Settings) -> SigningKey:
    """The configured secret, else the one in the file store. Raises ConfigurationError where neither can be had, or shared."""
    previous = (settings.signing_key_previous.encode(),) if settings.signing_key_previous else ()
    if settings.signing_key:
        return SigningKey(settings.signing_key.encode(), previous)
    if settings.bucket_only:
        raise ConfigurationError("CI_SIGNING_KEY: is needed with CI_BUCKET_ONLY, since servers without a common disk must have the same.")
    try:
        return SigningKey(load_secret(settings.storage_root), previous)
    except ValueError as short:
        raise ConfigurationError(f"SAMPLE_REPOSITORY: {short}.") from short
    except OSError as fault:
        raise ConfigurationError(f"SAMPLE_REPOSITORY: the signing key in it cannot be read or made: {fault.strerror}.") from fault


def make_stores(settings: Settings, key: SigningKey, clock: Callable[[], datetime]) -> Stores:
    """The stores. Raises ConfigurationError for what is wrong with the bucket's settings; the bucket is not asked yet."""
    def link(ticket: SignedUrl) -> str:
        return f"{settings.public_url}/api/v1/downloads/{ticket.sealed(key)}"

    def send_on(name: str) -> None:
        record_upload(name, clock())
        arrived.set()

    def send_later(name: str) -> None:
        record_upload(name, clock() + GROWTH_INTERVAL)

    arrived, integrity = Event(), Integrity()
    local, bucket = LocalBackend(settings.storage_root, link, file_permissions(settings)), _open_bucket(settings, link, clock)
    far = [CircuitBreaker(bucket, timeout=BUCKET_TIMEOUT, threads=BUCKET_THREADS)] if bucket else []
    near = [] if settings.bucket_only else [local]
    archive = Archive([*near, *far], clock=clock, link_lifetime=LINK_LIFETIME, send_on=send_on, send_later=send_later, integrity=integrity)
    jobs = Archive(far if settings.bucket_only else [LocalBackend(settings.storage_root, link)], clock=clock, link_lifetime=LINK_LIFETIME)
    return Stores(archive, jobs, local, bucket, integrity, arrived)


def make_job_store(flask: Flask, stores: Stores, settings: Settings) -> JobStore:
    """Where the server keeps jobs: logs grow on the disk, or in the database of this application where servers share no disk."""
    logs: AttemptLogs = LogsInDatabase(flask, stores.jobs) if settings.bucket_only else LogsOnDisk(settings.storage_root)
    return JobStore(stores.jobs, logs, FileStore(settings.storage_root))


def _open_bucket(settings: Settings, link: TicketLink, clock: Callable[[], datetime]) -> Bucket | None:
    if not settings.bucket:
        if settings.bucket_only:
            raise ConfigurationError("CI_BUCKET: is needed with CI_BUCKET_ONLY.")
        return None
    # Google's client takes as long to import as a good part of everything else; only who has a bucket shall wait for it.
    google = importlib.import_module("api.storage.files.bucket")
    try:
        return cast(Bucket, google.open_bucket(
            settings.bucket, endpoint=settings.bucket_endpoint, key_file=settings.bucket_key_file, link=link, clock=clock,
            timeout=BUCKET_TIMEOUT, threads=BUCKET_THREADS))
    except ValueError as wrong:
        raise ConfigurationError(f"GOOGLE_APPLICATION_CREDENTIALS: {wrong}.") from wrong
