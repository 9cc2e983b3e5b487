"""Reads the tables that the catalog is made of, and notices by one statement whether anything in them has changed."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast
from weakref import ref

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Dialect,
    Integer,
    LargeBinary,
    Select,
    String,
    func,
    literal_column,
    null,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import NullType

from api.storage.column_types import Prose
from api.storage.database import connection_to_read
from api.storage.platform_tables import (
    AcceptableHashRow,
    CategoryRow,
    RegressionCategoryRow,
    RegressionOutputRow,
    RegressionTestRow,
    SampleRow,
    SampleTagRow,
    TagRow,
    UploadRow,
)
from api.storage.tables.library import SampleNoteRow

Column = InstrumentedAttribute[Any]
# A row's values as the driver gives them, in the order of the columns below; more may stand behind them.
Row = tuple[Any, ...]

# Every column that an answer depends on, table by table.
TABLES: tuple[tuple[Column, ...], ...] = (
    (SampleRow.id, SampleRow.sha, SampleRow.extension, SampleRow.original_name),
    (SampleTagRow.sample_id, SampleTagRow.tag_id),
    (TagRow.id, TagRow.name),
    (UploadRow.id, UploadRow.sample_id, UploadRow.notes),
    (SampleNoteRow.sample_id, SampleNoteRow.notes),
    (RegressionTestRow.id, RegressionTestRow.sample_id, RegressionTestRow.command, RegressionTestRow.input_type,
     RegressionTestRow.output_type, RegressionTestRow.expected_rc, RegressionTestRow.active, RegressionTestRow.description),
    (RegressionCategoryRow.regression_id, RegressionCategoryRow.category_id),
    (CategoryRow.id, CategoryRow.name),
    (RegressionOutputRow.id, RegressionOutputRow.regression_id, RegressionOutputRow.correct, RegressionOutputRow.correct_extension,
     RegressionOutputRow.expected_filename, RegressionOutputRow.ignore),
    (AcceptableHashRow.id, AcceptableHashRow.regression_test_output_id, AcceptableHashRow.file_hashes))
_COMMA, _NULL, _ONE = literal_column("','", String), literal_column("''", String), literal_column("1", Integer)
SEEN = "ci_catalog"
_WIDTH = max(len(columns) for columns in TABLES)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Content:
    """The rows of each of the tables, and marks by which they are told from any other rows."""

    marks: Sequence[Any]
    rows: Sequence[Sequence[Row]]


NOTHING = Content((), ((),) * len(TABLES))


def is_key(column: Column) -> bool:
    """Whether rows are told apart, or joined, by a column."""
    return bool(column.expression.primary_key or column.expression.foreign_keys)


def look(known: Content) -> Content:
    """What the tables hold now: `known` itself if nothing changed. One statement, and one more for each table that has changed.

    It sees what a statement of the session's sees, within a transaction what that has written too.
    """
    with connection_to_read() as connection:
        return _look_at_all(connection, known) if connection.dialect.name == "sqlite" else _look_at_marks(connection, known)


def _look_at_all(connection: Connection, known: Content) -> Content:
    driver = cast(Any, connection.connection.dbapi_connection)
    # How often others have committed, and how many rows this connection has changed: numbers that SQLite has at hand.
    state = (driver.execute("SELECT data_version FROM pragma_data_version").fetchone()[0], driver.total_changes)
    if connection.info.get(SEEN) == (state, ref(known)):
        return known
    found = cast(Any, connection.execute(_EVERYTHING)).cursor.fetchall()
    content = known if found == known.marks else Content(found, _by_table(found))
    if not connection.get_execution_options().get("ci_writes", False):
        # What a transaction has written may be taken back, which the numbers do not tell.
        connection.info[SEEN] = (state, ref(content))
    return content


def _by_table(found: Sequence[Row]) -> list[list[Row]]:
    rows: list[list[Row]] = [[] for _ in TABLES]
    for row in found:
        rows[row[-1]].append(row)
    return rows


def _look_at_marks(connection: Connection, known: Content) -> Content:
    # As a text: to find it among the compiled ones takes the statement of all tables longer than to execute it.
    marks = sorted((number, count, total or 0) for number, count, total in connection.exec_driver_sql(_marks_in(connection.dialect)))
    if marks == known.marks:
        return known
    kept = known.marks or [None] * len(TABLES)
    rows = [
        known.rows[number] if mark == kept[number] else [tuple(row) for row in connection.execute(_MARKED[number])]
        for number, mark in enumerate(marks)]
    # Of the rows that were read, as others may have come since the look.
    return Content([(number, len(table), sum(row[-1] for row in table)) for number, table in enumerate(rows)], rows)


def _as_it_stands(column: Column) -> ColumnElement[Any]:
    return type_coerce(column, NullType())


def _all_of(number: int) -> Select[Any]:
    # Bytes come out of SQLite faster than texts, and are read as the same.
    columns = [sql_cast(each, LargeBinary) if isinstance(each.type, Prose) else _as_it_stands(each) for each in TABLES[number]]
    return select(*columns, *[null()] * (_WIDTH - len(columns)), literal_column(str(number), Integer))


def _mark(columns: Sequence[Column]) -> ColumnElement[int]:
    """A number that tells a row from any other.

    What CRC32 makes of two rows adds up to the same too often once they have swapped a value. So each counts by a weight of its own.
    """
    # Of each text its own CRC32, which is taken of its bytes as they are stored: to join the texts themselves costs more.
    values = [func.ifnull(each if is_key(each) else func.crc32(each), _NULL) for each in columns]
    keys = [each for each in columns if each.expression.primary_key]
    return func.crc32(func.concat_ws(_COMMA, *values)) * (func.crc32(func.concat_ws(_COMMA, *keys)) + _ONE)


def _marks_of(number: int) -> Select[int, int, int]:
    table = TABLES[number][0].class_.__table__
    return select(literal_column(str(number), Integer), func.count(), func.sum(_mark(TABLES[number]))).select_from(table)


@cache
def _marks_in(dialect: Dialect) -> str:
    return str(_MARKS.compile(dialect=dialect))


_NUMBERS = range(len(TABLES))
_EVERYTHING: CompoundSelect[Any] = union_all(*map(_all_of, _NUMBERS))
_MARKS: CompoundSelect[Any] = union_all(*map(_marks_of, _NUMBERS))
_MARKED = [select(*map(_as_it_stands, columns), _mark(columns)) for columns in TABLES]
