"""Bringing a database to the schema that this server needs, and back."""
from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "ci_schema_version"


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


def is_current(engine: Engine) -> bool:
    """Whether the database has every step."""
    with engine.connect() as connection:
        present = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()
    return present == ScriptDirectory.from_config(_config()).get_current_head()


def belongs_to_platform(engine: Engine) -> bool:
    """Whether the database holds a Sample Platform that was there before this server."""
    tables = set(inspect(engine).get_table_names())
    if "test" not in tables:
        return False
    if "ci_added" not in tables:
        return True
    with engine.connect() as connection:
        return connection.exec_driver_sql("SELECT name FROM ci_added WHERE name = 'test'").first() is None


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config
