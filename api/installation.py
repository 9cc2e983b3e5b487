"""What server and commands share: random source, database, file store, work folder."""
from __future__ import annotations

import grp
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from sqlalchemy import Engine, make_url

from api.config import ConfigurationError, Settings
from api.domain.random_source import RandomSource
from api.host.permissions import Permissions
from api.host.work_folder import home_of
from api.specfirst.responses.access_log import configure_logging
from api.storage import database
from api.storage.files.incoming import FileStore

# Tokens are looked up beside the operations, so that slow ones never keep the door shut. A database pool
# needs as many connections as there are threads of both kinds.
LOOKUP_THREADS = 8
SYSTEM_RANDOM = RandomSource(secrets.token_bytes)


def configure_server_logging(settings: Settings) -> None:
    """Set logging up for a server, with its audit log. Raises ConfigurationError where that cannot be written."""
    with audit_log_writable():
        configure_logging(settings.log_format, audit_log=settings.audit_log)


@contextmanager
def audit_log_writable() -> Iterator[None]:
    """Raise ConfigurationError where the audit log's file cannot be opened."""
    try:
        yield
    except OSError as fault:
        raise ConfigurationError(f"CI_AUDIT_LOG: the file cannot be written: {fault.strerror}.") from fault


def attach_database(app: Flask, settings: Settings, check: Callable[[Engine], None] | None = None) -> None:
    """Give a Flask application the configured database, with a connection for every thread that may ask for one.

    Raises ConfigurationError where the folder of an SQLite file cannot be made.
    """
    pool_size = settings.threads + LOOKUP_THREADS + 2
    try:
        database.attach(app, settings.database_url, pool_size=pool_size, check=check)
    except OSError as fault:
        raise ConfigurationError(f"CI_DATABASE_URL: the folder of this file cannot be made: {fault.strerror}.") from fault


def file_permissions(settings: Settings) -> Permissions:
    """The mode and group of the files that all who share the store may use. Raises ConfigurationError for a group that is not ours."""
    group = _group_id(settings.file_group) if settings.file_group else None
    if group is not None and os.geteuid() and group not in (os.getegid(), *os.getgroups()):
        raise ConfigurationError("CI_FILE_GROUP: the user of this process is not in this group.")
    return Permissions(int(settings.file_mode, 8), group)


def _group_id(group: str) -> int:
    try:
        return int(group) if group.isdecimal() else grp.getgrnam(group).gr_gid
    except KeyError as unknown:
        raise ConfigurationError("CI_FILE_GROUP: there is no such group.") from unknown


def prepare_store(settings: Settings) -> FileStore:
    """The file store, with the folders that there must be. Raises ConfigurationError where they cannot be made."""
    store = FileStore(settings.storage_root, file_permissions(settings))
    try:
        store.prepare()
    except OSError as fault:
        raise ConfigurationError(f"SAMPLE_REPOSITORY: the folders in it cannot be made: {fault.strerror}.") from fault
    return store


def job_home(settings: Settings) -> Path:
    """The folder on this host's own disk of what agents of this installation hold."""
    url = make_url(settings.database_url)
    name = str(Path(url.database or "").absolute()) if url.get_backend_name() == "sqlite" else url.database
    identity = (url.get_backend_name(), url.host, url.port, url.query.get("unix_socket"), name)
    return home_of(settings.work_dir.absolute(), repr(identity))
