"""Migrates a database to the schema that this server needs, and back."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine

from api.storage.schema_state import MIGRATIONS, VERSION_TABLE, require_known


def migrate(engine: Engine) -> None:
    """Bring the database to the newest revision; on an empty one this creates everything. Raises SchemaUnknown."""
    require_known(engine)
    with _stepping(engine) as connection:
        command.upgrade(_config(connection), "head")


def downgrade(engine: Engine) -> None:
    """Take back every step, and leave of the platform's schema what was there before us. Raises SchemaUnknown."""
    require_known(engine)
    with _stepping(engine) as connection:
        command.downgrade(_config(connection), "base")
        connection.exec_driver_sql(f"DROP TABLE {VERSION_TABLE}")


@contextmanager
def _stepping(engine: Engine) -> Iterator[Connection]:
    """A connection whose changes are committed at the end, if not before."""
    with engine.connect().execution_options(ci_writes=True) as connection:
        if engine.dialect.name != "sqlite":
            # MySQL commits with each statement that makes a table, and what follows must be a transaction again. Nobody else gets
            # such a connection.
            connection.detach()
            cast(Any, connection.connection.dbapi_connection).autocommit(False)
        yield connection
        connection.commit()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config
