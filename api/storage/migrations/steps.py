"""Building blocks of migrations. Each is idempotent, since MySQL keeps the first half of a step that fails."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

TABLE: dict[str, Any] = {
    "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB", "mysql_row_format": "DYNAMIC"}


def present_tables() -> set[str]:
    """The names of all tables."""
    return set(sa.inspect(op.get_bind()).get_table_names())


def columns_of(table: str) -> set[str]:
    """The names of a table's columns."""
    return {column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)}


def indexes_of(table: str) -> set[str | None]:
    """The names of a table's indexes."""
    return {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}


def create_table(name: str, *parts: sa.schema.SchemaItem, **options: Any) -> None:
    """Create a table of ours where it is missing; its indexes are made apart."""
    if name not in present_tables():
        op.create_table(name, *parts, **TABLE, **options)
    elif op.get_bind().dialect.name != "sqlite":
        # A step that broke off may have made it with the server's own default, in which its indexes are too long.
        op.execute(f"ALTER TABLE {name} ROW_FORMAT=DYNAMIC")


def create_index(name: str, table: str, columns: Sequence[str]) -> None:
    """Create an index where it is missing."""
    if name not in indexes_of(table):
        op.create_index(name, table, list(columns))


def drop_table(name: str) -> None:
    """Drop a table where it is present."""
    if name in present_tables():
        op.drop_table(name)
