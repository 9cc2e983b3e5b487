"""What state a database's schema is in; told without the machinery that changes it, which a server has no use for."""
from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "ci_schema_version"


def newest_revision() -> str:
    """The last step there is: each step's file is named by its revision, and they follow one another by name."""
    return max(path.stem.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def is_current(engine: Engine) -> bool:
    """Whether the database has every step."""
    if VERSION_TABLE not in inspect(engine).get_table_names():
        return False
    with engine.connect() as connection:
        present = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalars().all()
    return present == [newest_revision()]


def has_every_step(connection: Connection) -> bool:
    """Whether the database has every step that this server needs, by one statement; a newer server's steps do no harm."""
    present = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalars().all()
    return bool(present) and max(present) >= newest_revision()


def belongs_to_platform(engine: Engine) -> bool:
    """Whether the database holds a Sample Platform that was there before this server."""
    tables = set(inspect(engine).get_table_names())
    if "test" not in tables:
        return False
    if "ci_added" not in tables:
        return True
    with engine.connect() as connection:
        return connection.exec_driver_sql("SELECT name FROM ci_added WHERE name = 'test'").first() is None
