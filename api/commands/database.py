"""Opens the database for a command, without a server."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from sqlalchemy.exc import DBAPIError

from api.commands.failure import CommandFailed
from api.config import ConfigurationError, Settings
from api.installation import attach_database
from api.storage import schema_state
from api.storage.database import db
from api.storage.database_faults import cause_of


def make_database(settings: Settings) -> Flask:
    """Make a Flask application that has the configured database and nothing else."""
    flask = Flask("ci-api")
    attach_database(flask, settings)
    return flask


@contextmanager
def open_database(settings: Settings, *, migrated: bool = True) -> Iterator[Flask]:
    """Open the database, within an application context.

    Raises ConfigurationError if its schema is unknown or, with `migrated`, not current; CommandFailed if it is unreachable.
    """
    flask = make_database(settings)
    with needed_database(), flask.app_context():
        try:
            if migrated:
                schema_state.require_current(db.engine)
            yield flask
        except schema_state.SchemaUnknown as refused:
            raise ConfigurationError(str(refused)) from refused
        finally:
            db.engine.dispose()


@contextmanager
def needed_database() -> Iterator[None]:
    """Turn a database error with a known cause, such as an unreachable server or a missing right, into CommandFailed with that cause."""
    try:
        yield
    except DBAPIError as failed:
        cause = cause_of(failed)
        if cause is None:
            raise
        raise CommandFailed(cause) from failed
