"""Databases as the Sample Platform left them, made from its schema in plain SQL."""
from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect

from tests.databases import Database, opened

HERE = Path(__file__).parent
OLDER = ('DROP TABLE api_token', 'ALTER TABLE "user" DROP COLUMN github_login')
OURS = ("ci_", "sqlite_")


@contextmanager
def platform_database(url: str, *, older: bool = False, loose: bool = False) -> Iterator[Database]:
    """A platform's database, not migrated; an older one knows neither API tokens nor GitHub logins, a loose one allows NULL."""
    with opened(url, migrated=False) as database:
        with database.engine.connect() as connection:
            for statement in _statements(database, older, loose):
                connection.exec_driver_sql(statement)
            connection.commit()
        yield database


def _statements(database: Database, older: bool, loose: bool) -> Iterable[str]:
    name = "platform_schema_sqlite.sql" if database.is_sqlite else "platform_schema_mysql.sql"
    text = re.sub(r"^--.*\n", "", (HERE / name).read_text())
    if loose:
        text = re.sub(r" NOT NULL(?! AUTO_INCREMENT)", "", text)
    yield from (statement for statement in text.split(";\n") if statement.strip())
    if older:
        yield from (statement if database.is_sqlite else statement.replace('"', "`") for statement in OLDER)


def schema_of(engine: Engine) -> dict[str, str]:
    """What the database itself says of every table and index that is not this server's, by name."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            found = {row[0]: row[1] for row in connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")}
        else:
            found = {name: _created(connection, name) for name in inspect(connection).get_table_names()}
    return {name: text for name, text in found.items() if not name.startswith(OURS)}


def _created(connection: Connection, table: str) -> str:
    text = str(connection.exec_driver_sql(f"SHOW CREATE TABLE `{table}`").one()[1])
    return re.sub(r" AUTO_INCREMENT=\d+", "", text)
