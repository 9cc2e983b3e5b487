"""Migrates a database to the schema that this server needs, and back."""
from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Engine

from api.storage.schema_state import MIGRATIONS, VERSION_TABLE, belongs_to_platform, is_current

__all__ = ["VERSION_TABLE", "belongs_to_platform", "downgrade", "is_current", "migrate"]


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the database up to a revision; on an empty one this creates everything."""
    with engine.connect() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()


def downgrade(engine: Engine, revision: str = "base") -> None:
    """Take back the steps after a revision; `base` leaves of the platform's schema what was there before us."""
    with engine.connect() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
        if MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision() is None:
            connection.exec_driver_sql(f"DROP TABLE {VERSION_TABLE}")
        connection.commit()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config
