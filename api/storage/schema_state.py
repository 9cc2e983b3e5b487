"""Tells the state of a database's schema, without importing Alembic."""
from __future__ import annotations

import logging
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect
from sqlalchemy.exc import SQLAlchemyError

log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "ci_schema_version"
LACKING = "The database lacks a migration: run `ci-api migrate` first."
OTHER = (
    "Another version of this server migrated the database. Run that version, or take its tables back with that version's "
    "`ci-api migrate --downgrade`, or drop all tables whose names begin with `ci_`; then run `ci-api migrate`.")


class SchemaUnknown(SQLAlchemyError):
    """The database is not, or not yet, of the schema that this server needs."""


class SchemaCheck:
    """Lets nobody use the database before it was seen to have every step, as it may come, or be migrated, after the server's start."""

    def __init__(self) -> None:
        self._is_platforms: bool | None = None

    def __call__(self, engine: Engine) -> None:
        """Look, unless that was done. Raises SchemaUnknown where a step is missing, and what the driver raises of one that is away."""
        if self._is_platforms is None:
            require_current(engine)
            self._is_platforms = belongs_to_platform(engine)
            log.info("the database is there, with every migration")

    @property
    def is_platforms(self) -> bool:
        """Whether the database, which was looked at, holds a Sample Platform that was there before this server."""
        return bool(self._is_platforms)


def revisions() -> list[str]:
    """The steps there are, oldest first: each step's file is named by its revision, and they follow one another by name."""
    return sorted(path.stem.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def require_current(engine: Engine) -> None:
    """Raise SchemaUnknown unless the database has every step, and no other."""
    require_known(engine)
    if revisions()[-1] not in _present_revisions(engine):
        raise SchemaUnknown(LACKING)


def require_known(engine: Engine) -> None:
    """Raise SchemaUnknown where the database has a step of another version of this server."""
    # A table that only versions before the first release made; their revisions had the numbers that are used now.
    is_unreleased = "ci_added" in inspect(engine).get_table_names()
    if is_unreleased or not _present_revisions(engine) <= set(revisions()):
        raise SchemaUnknown(OTHER)


def _present_revisions(engine: Engine) -> set[str]:
    if VERSION_TABLE not in inspect(engine).get_table_names():
        return set()
    with engine.connect() as connection:
        return set(connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalars())


def has_every_step(connection: Connection) -> bool:
    """Whether the database has every step that this server needs, by one statement; a newer server's steps do no harm."""
    present = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalars().all()
    return bool(present) and max(present) >= revisions()[-1]


def belongs_to_platform(engine: Engine) -> bool:
    """Whether the database holds a Sample Platform that was there before this server."""
    tables = set(inspect(engine).get_table_names())
    if "test" not in tables:
        return False
    if "ci_platform_addition" not in tables:
        return True
    with engine.connect() as connection:
        return connection.exec_driver_sql("SELECT name FROM ci_platform_addition WHERE name = 'test'").first() is None
