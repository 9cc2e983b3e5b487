"""Building blocks of migrations. Each is idempotent, since MySQL keeps the first half of a step that fails."""
from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op


def present_tables() -> set[str]:
    """The names of all tables."""
    return set(sa.inspect(op.get_bind()).get_table_names())


def columns_of(table: str) -> set[str]:
    """The names of a table's columns."""
    return {column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)}


def indexes_of(table: str) -> set[str | None]:
    """The names of a table's indexes."""
    return {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}


def create_table(table: sa.Table) -> None:
    """Create a table, or those of its indexes that a step which broke off has left out."""
    if table.name not in present_tables():
        table.create(op.get_bind())
        return
    for index in table.indexes:
        create_index(str(index.name), table.name, [column.name for column in index.columns])


def create_index(name: str, table: str, columns: Sequence[str]) -> None:
    """Create an index where it is missing."""
    if name not in indexes_of(table):
        op.create_index(name, table, list(columns))


def drop_table(name: str) -> None:
    """Drop a table where it is present."""
    if name in present_tables():
        op.drop_table(name)
