"""The catalog that is kept in memory: what anybody changes in the tables is seen by the next look, and nothing else is read."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, update
from sqlalchemy.exc import DBAPIError

from api.domain.catalog.catalog import Catalog
from api.storage.catalog.catalog import KEPT, load_catalog
from api.storage.catalog.catalog_tables import TABLES
from api.storage.database import attach, db, session, transaction
from api.storage.platform_tables import AcceptableHashRow, SampleRow, SampleTagRow, TagRow
from tests.builders import Output, add_acceptable_hash, add_regression_test, add_sample, digest_of, save
from tests.databases import Database, hang_up, opened
from tests.examples import examples
from tests.storage.odd_rows import lenient_engine
from tests.storage.platform_databases import platform_database

NAMES = [columns[0].class_.__tablename__ for columns in TABLES]
COLUMNS = [[column.key for column in columns] for columns in TABLES]
VALUES = (
    None, "", "a", "b", "A", "a ", "1", "NULL", "','", "'", "\\", "a\x00b", "a\x00c", "é", "è", "🎬", b"\xff\x00", b"\xfe\x00", 0, 1, 2, 3,
    4, -1, 2**31 - 1, 2**40, 0.5)
ROWS = 4


@dataclass(frozen=True)
class Step:
    """A write of the platform's: its kind, a table, two of its rows, a column, and a value."""

    kind: str
    table: int
    row: int
    other: int
    column: int
    value: Any


steps = st.lists(st.builds(
    Step, st.sampled_from(["update", "update", "update", "swap", "insert", "delete"]), st.integers(0, len(TABLES) - 1),
    st.integers(0, ROWS - 1), st.integers(0, ROWS - 1), st.integers(0, 6), st.sampled_from(VALUES)), min_size=1, max_size=12)


@dataclass(frozen=True)
class Platform:
    """The platform's own programs, on a connection of their own that no constraint is held against, and a server that has seen nothing."""

    engine: Engine
    fresh: Flask

    def reset(self) -> None:
        """Some rows in every table, each of which belongs to others."""
        with self.engine.begin() as connection:
            for name, columns in zip(NAMES, COLUMNS, strict=True):
                connection.exec_driver_sql(f"DELETE FROM {name}")
                self._insert(connection, name, *([self._first(column, number) for column in columns] for number in range(1, ROWS + 1)))

    def _first(self, column: str, number: int) -> Any:
        return number if column == "id" or column.endswith("_id") else 1 if column in ("active", "ignore", "expected_rc") else f"{number}"

    def _insert(self, connection: Any, name: str, *rows: Sequence[Any]) -> None:
        columns = COLUMNS[NAMES.index(name)]
        statement = f"INSERT INTO {name} ({', '.join(map(self.quote, columns))}) VALUES ({', '.join([self.mark] * len(columns))})"
        connection.exec_driver_sql(statement, [tuple(row) for row in rows])

    @property
    def mark(self) -> str:
        """What stands for a value in a statement."""
        return "?" if self.engine.dialect.name == "sqlite" else "%s"

    def quote(self, name: str) -> str:
        """A column's name as a statement has it."""
        return self.engine.dialect.identifier_preparer.quote(name)

    def write(self, step: Step) -> None:
        """Carry out a step, and commit; what the database refuses is not done."""
        name, columns = NAMES[step.table], COLUMNS[step.table]
        column = columns[step.column % len(columns)]
        with suppress(DBAPIError, OverflowError), self.engine.begin() as connection:
            self._carry_out(connection, step, name, columns, column)

    def _carry_out(self, connection: Any, step: Step, name: str, columns: Sequence[str], column: str) -> None:
        rows = sorted(connection.exec_driver_sql(
            f"SELECT {', '.join(map(self.quote, columns))} FROM {name}").all(), key=str)
        row, other = (dict(zip(columns, rows[each % len(rows)], strict=True)) if rows else None for each in (step.row, step.other))
        if step.kind == "insert":
            first = [self._first(each, ROWS + 1 + step.row) for each in columns]
            first[columns.index(column)] = step.value
            self._insert(connection, name, first)
        elif row is None or other is None:
            return
        elif step.kind == "delete":
            self._change(connection, "DELETE FROM", name, row, ())
        elif step.kind == "swap":
            # By way of a third value, since no two rows may have the same in some columns.
            self._set(connection, name, row, column, "?")
            self._set(connection, name, other, column, row[column])
            self._set(connection, name, {**row, column: "?"}, column, other[column])
        else:
            self._set(connection, name, row, column, step.value)

    def _set(self, connection: Any, name: str, row: dict[str, Any], column: str, value: Any) -> None:
        self._change(connection, f"UPDATE {name} SET {self.quote(column)} = {self.mark} WHERE", name, row, (value,))

    def _change(self, connection: Any, verb: str, name: str, row: dict[str, Any], values: tuple[Any, ...]) -> None:
        same = "IS" if self.mark == "?" else "<=>"
        where = " AND ".join(f"{self.quote(each)} {same} {self.mark}" for each in row)
        start = f"{verb} {name} WHERE" if verb.startswith("DELETE") else verb
        connection.exec_driver_sql(f"{start} {where}", (*values, *row.values()))

    def read(self) -> Catalog:
        """The catalog as somebody reads it who knows nothing."""
        with self.fresh.app_context():
            self.fresh.extensions.pop(KEPT, None)
            return load_catalog()


def look() -> Catalog:
    """The catalog, as a new request sees it."""
    session().rollback()
    return load_catalog()


@pytest.fixture
def platform(empty_url: str) -> Iterator[Platform]:
    """A platform's database in which anything may stand, within the application context of a server."""
    with platform_database(empty_url, loose=True):
        engine, fresh = lenient_engine(empty_url).execution_options(ci_writes=True), Flask("fresh")
        with engine.begin() as connection:
            # The one table of ours that the catalog is made of too.
            connection.exec_driver_sql("CREATE TABLE ci_sample_note (sample_id INTEGER PRIMARY KEY, notes TEXT)")
        attach(fresh, empty_url, pool_size=2)
        yield Platform(engine, fresh)
        with fresh.app_context():
            db.session.remove()
        engine.dispose()
        hang_up(empty_url)


def test_whatever_is_written_is_seen_by_the_next_look(platform: Platform) -> None:
    @settings(max_examples=examples(90), suppress_health_check=list(HealthCheck))
    @given(steps)
    def check(written: list[Step]) -> None:
        platform.reset()
        assert look() == platform.read()

        for step in written:
            platform.write(step)

            assert look() == platform.read(), step

    check()


def checksums(*rows: tuple[int, int | str]) -> int:
    """What CRC32 makes of these rows, added up."""
    return sum(crc32(f"'{key}','{value}'".encode()) for key, value in rows)


def test_two_rows_that_swap_what_they_say_are_seen_though_their_checksums_add_up_to_the_same(database: Database) -> None:
    one, two = "34d17aed", "f8b8343f"
    sample = add_sample()
    for row in (TagRow(id=10, name=one), TagRow(id=27, name=two), SampleTagRow(sample_id=sample, tag_id=10)):
        save(row)
    before = look().samples_by_id[sample].tags

    with transaction() as current:
        for tag_id, name in ((10, "x"), (27, one), (10, two)):
            current.execute(update(TagRow).where(TagRow.id == tag_id).values(name=name))

    assert checksums((10, one), (27, two)) == checksums((10, two), (27, one))
    assert (before, look().samples_by_id[sample].tags) == ((one,), (two,))


def test_a_sample_that_gets_other_tags_is_seen_though_the_checksums_add_up_to_the_same(database: Database) -> None:
    save(SampleRow(id=10, sha=digest_of("10"), extension="ts", original_name="ten"))
    for number in (100, 102, 774, 776):
        save(TagRow(id=number, name=f"t{number}"))
    for number in (100, 776):
        save(SampleTagRow(sample_id=10, tag_id=number))
    before = look().samples_by_id[10].tags

    with transaction() as current:
        for old, new in ((100, 102), (776, 774)):
            current.execute(update(SampleTagRow).where(SampleTagRow.tag_id == old).values(tag_id=new))

    assert checksums((10, 100), (10, 776)) == checksums((10, 102), (10, 774))
    assert (before, look().samples_by_id[10].tags) == (("t100", "t776"), ("t102", "t774"))


def test_a_catalog_in_which_nothing_changed_is_not_made_again(database: Database) -> None:
    add_regression_test(outputs=[Output(acceptable=("a",))], categories=["DVB"])
    first = look()
    session().rollback()

    with database.counted() as statements:
        second = load_catalog()

    assert second is first
    assert len(statements) <= 1


def test_only_the_tables_that_have_changed_are_read_again(database: Database) -> None:
    test = add_regression_test(outputs=[Output(acceptable=("a",))])
    look()
    add_acceptable_hash(test.output_id, "b")
    session().rollback()

    with database.counted() as statements:
        found = load_catalog()

    assert found.tests[0].definition.outputs[0].acceptable == ("a", "b")
    assert len(statements) == (1 if database.is_sqlite else 2)


def test_a_catalog_is_read_by_as_many_statements_however_large_it_is(database: Database) -> None:
    counts = []
    for _ in range(2):
        for number in range(5):
            add_regression_test(
                sample_id=add_sample(tags=[digest_of(f"{number}")[:8]]), categories=[f"{number}"], outputs=[Output(acceptable=("a",))])
        database.app.extensions.pop(KEPT, None)
        session().rollback()
        with database.counted() as statements:
            load_catalog()
        counts.append(len(statements))

    assert counts[0] == counts[1] <= 1 + len(TABLES)


class TakenBack(Exception):
    """The work is not to be kept."""


def test_a_transaction_sees_what_it_wrote_and_nobody_does_once_that_is_taken_back(database: Database) -> None:
    kept = add_sample()
    before = look()

    with suppress(TakenBack), transaction() as current:
        current.add(SampleRow(sha=digest_of("x"), extension="ts", original_name="x"))
        current.flush()
        within = load_catalog()
        raise TakenBack
    after = look()

    assert [sample.name for sample in within.samples][1:] == ["x"]
    assert [sample.sample_id for sample in after.samples] == [kept]
    assert after == before


def test_a_part_of_a_transaction_that_is_taken_back_is_seen_no_longer(database: Database) -> None:
    add_sample("kept")
    look()

    with transaction() as current:
        current.execute(update(SampleRow).values(original_name="first"))
        part = current.begin_nested()
        current.execute(update(SampleRow).values(original_name="second"))
        seen = [load_catalog().samples[0].name]
        part.rollback()
        seen.append(load_catalog().samples[0].name)
    seen.append(look().samples[0].name)

    assert seen == ["second", "first", "first"]


def test_what_changes_while_the_catalog_is_read_and_changes_back_is_not_kept(mariadb_database: Database) -> None:
    add_sample("true")

    def rename(name: str) -> None:
        with transaction() as current:
            current.execute(update(SampleRow).values(original_name=name))

    with mariadb_database.overtaken(lambda: rename("false"), before="SELECT sample.id"):
        during = look()
    rename("true")
    after = look()

    assert (during.samples[0].name, after.samples[0].name) == ("false", "true")


def test_two_databases_of_one_process_have_a_catalog_each(database: Database, empty_url: str) -> None:
    add_sample("here")
    mine = look()

    with opened(empty_url):
        theirs = look()
        add_sample("there")
        changed = look()

    assert [sample.name for sample in mine.samples] == ["here"]
    assert (theirs.samples, [sample.name for sample in changed.samples]) == ((), ["there"])
    assert look() is mine


def test_many_who_look_while_somebody_writes_see_each_change_whole(database: Database) -> None:
    test = add_regression_test(outputs=[Output("a", acceptable=("a",))])
    session().rollback()

    def write() -> list[tuple[str, ...]]:
        for word in ("b", "c", "d", "e", "f"):
            with transaction() as current:
                current.execute(delete(AcceptableHashRow))
                current.add(AcceptableHashRow(regression_test_output_id=test.output_id, file_hashes=word))
        return []

    def read() -> list[tuple[str, ...]]:
        return [look().tests[0].definition.outputs[0].acceptable for _ in range(10)]

    seen = database.together(*[read] * 4, write)

    assert {each for one in seen for each in one} <= {(word,) for word in "abcdef"}
    assert look().tests[0].definition.outputs[0].acceptable == ("f",)
