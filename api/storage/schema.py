"""Migrates a database to the schema that this server needs, and back."""
from __future__ import annotations

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine

from api.storage.schema_state import MIGRATIONS, VERSION_TABLE, require_known


def migrate(engine: Engine) -> None:
    """Bring the database to the newest revision; on an empty one this creates everything. Raises SchemaUnknown."""
    require_known(engine)
    with engine.connect() as connection:
        command.upgrade(_config(connection), "head")
        connection.commit()


def downgrade(engine: Engine) -> None:
    """Take back every step, and leave of the platform's schema what was there before us. Raises SchemaUnknown."""
    require_known(engine)
    with engine.connect() as connection:
        command.downgrade(_config(connection), "base")
        connection.exec_driver_sql(f"DROP TABLE {VERSION_TABLE}")
        connection.commit()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config
