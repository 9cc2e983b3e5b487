"""What the platform's columns are read as, whatever stands in them."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Column, text
from sqlalchemy.dialects import mysql, sqlite

from api.domain.instant import NO_INSTANT
from api.domain.runs.run import Phase, Platform
from api.domain.runs.run_list import RunFilter, RunSort
from api.services.runs import leases, runs
from api.services.runs.platform_sync import catch_up
from api.services.runs.worker_access import is_worker_token
from api.storage.column_types import BranchName, Day, ExitCode, Flag, Prose, UtcDateTime, WholeNumber, Word
from api.storage.database import session, transaction
from api.storage.platform_tables import PLATFORM_TABLES, TestRow
from api.storage.runs.leases import Holder
from api.storage.runs.progress import list_events
from api.storage.runs.queue import list_branches
from tests.builders import MAIN_REPOSITORY, NOW, add_event, add_machine, add_run, minutes
from tests.databases import Database

COLUMNS = [column for table in PLATFORM_TABLES for column in table.columns]
VALUES: list[Any] = [
    None, "", "x", "2026-01-01 00:00:00", "0000-00-00 00:00:00", "2026-00-00 00:00:00", "9999-12-31 23:59:59", "2026-W01-1", "é" * 70_000,
    b"\xff\x00", 0, -1, 2**31, 2**63, 10**30, 1.5, float("nan"), float("inf"), datetime(2026, 1, 1), datetime(9999, 12, 31), timedelta(1)]
LEASE = timedelta(hours=1)


@pytest.mark.parametrize("dialect", [sqlite.dialect(), mysql.dialect()], ids=["sqlite", "mysql"])
@pytest.mark.parametrize("column", COLUMNS, ids=str)
def test_a_column_is_of_a_type_that_reads_anything(column: Column[Any], dialect: Any) -> None:
    assert isinstance(column.type, Prose | WholeNumber | ExitCode | Flag | Word | UtcDateTime | Day)

    read = column.type.result_processor(dialect, None)
    found = [read(value) for value in VALUES]

    expected = {Prose: str, WholeNumber: int, ExitCode: int, Flag: bool, Word: str, UtcDateTime: datetime}.get(type(column.type), object)
    assert all(value is None or isinstance(value, expected) for value in found)


@pytest.mark.parametrize(("word", "platform"), [
    ("linux", Platform.LINUX), ("Linux", Platform.LINUX), ("linux  ", Platform.LINUX), ("bsd", None), ("", None), (None, None)])
def test_words_are_read_without_regard_to_case_and_spaces_at_the_end(word: str | None, platform: Platform | None) -> None:
    assert Word(Platform).result_processor(sqlite.dialect(), None)(word) is platform


def test_what_a_platforms_plain_day_says_is_its_first_moment() -> None:
    read = UtcDateTime().result_processor(sqlite.dialect(), None)

    assert [read("2026-01-01"), read("2026-13-01")] == [datetime(2026, 1, 1, tzinfo=UTC), NO_INSTANT]


@pytest.mark.parametrize("name", ["a", "a ", "a  ", "a\x7f", "é" * 300, "x" * 254 + " ", ""])
def test_a_branchs_name_is_stored_so_that_it_ends_in_no_space_and_is_read_as_it_was(name: str) -> None:
    stored = BranchName().process_bind_param(name, sqlite.dialect())

    assert stored is not None and len(stored) <= 255 and not stored.endswith(" ")
    assert BranchName().process_result_value(stored, sqlite.dialect()) == (name if len(name) < 255 else stored.removesuffix("\x7f"))


def zero(database: Database, event_id: int, date: str = "0000-00-00 00:00:00") -> None:
    """Write MySQL's zero date into an event."""
    with transaction() as current:
        if not database.is_sqlite:
            current.execute(text("SET SESSION sql_mode=''"))
        current.execute(text("UPDATE test_progress SET timestamp = :date WHERE id = :id"), {"date": date, "id": event_id})


def unchecked(database: Database, statement: str) -> None:
    """Execute a statement that no foreign key is held against."""
    off, on = ("PRAGMA foreign_keys=OFF", "PRAGMA foreign_keys=ON") if database.is_sqlite else (
        "SET foreign_key_checks=0", "SET foreign_key_checks=1")
    connection = database.engine.raw_connection()
    cursor = connection.cursor()
    for each in (off, statement):
        cursor.execute(each)
    connection.commit()
    cursor.execute(on)
    connection.close()


@pytest.mark.parametrize("date", ["0000-00-00 00:00:00", "2026-00-00 00:00:00"])
def test_an_event_without_a_readable_time_takes_its_neighbours_and_the_run_says_so(database: Database, date: str) -> None:
    run_id, other = add_run(), add_run()
    add_event(run_id, Phase.PREPARATION, at=NOW)
    zero(database, add_event(run_id, Phase.TESTING, at=minutes(1)), date)
    add_event(run_id, Phase.COMPLETED, at=minutes(2))
    add_event(other, Phase.TESTING, at=minutes(3))

    catch_up(minutes(4))
    found, unchanged = runs.load_run(run_id), runs.load_run(other)

    assert [(event.at, event.dated) for event in list_events(run_id)] == [(NOW, True), (NOW, False), (minutes(2), True)]
    assert (found.created_at, found.started_at, found.completed_at, found.altered) == (NOW, None, minutes(2), ("started_at",))
    assert (unchanged.started_at, unchanged.altered) == (minutes(3), ())


def test_a_run_whose_end_cannot_be_read_keeps_its_workers_secret_no_longer(database: Database) -> None:
    run_id = add_run(token="t" * 64)
    zero(database, add_event(run_id, Phase.COMPLETED))
    catch_up(NOW)

    assert set(runs.load_run(run_id).altered) == {"completed_at", "created_at", "queued_at"}
    assert not is_worker_token(run_id, "t" * 64, NOW, LEASE)


def test_a_run_without_a_secret_is_reported_by_no_form_and_executed_by_machines(database: Database) -> None:
    run_id = add_run()
    with transaction() as current:
        current.execute(text("UPDATE test SET token = '' WHERE id = :id"), {"id": run_id})

    claimed = leases.claim_run(Holder("worker", "s"), "linux", MAIN_REPOSITORY, now=NOW, lease=LEASE)

    assert not is_worker_token(run_id, "", NOW, LEASE)
    assert claimed is not None and claimed.run_id == run_id


def test_a_run_of_a_platform_that_is_not_known_is_shown_and_never_claimed(database: Database) -> None:
    unknown, known = add_run(platform="solaris"), add_run(platform="Linux")

    claimed = [leases.claim_run(Holder("worker", "s"), "linux", MAIN_REPOSITORY, now=NOW, lease=LEASE) for _ in range(2)]

    assert [each and each.run_id for each in claimed] == [known, None]
    assert (runs.load_run(unknown).platform, runs.load_run(unknown).altered) == (Platform.LINUX, ("platform",))


def test_a_machine_of_no_run_keeps_no_run_from_being_claimed(database: Database) -> None:
    run_id = add_run()
    add_machine(add_run(platform="windows"))
    unchecked(database, "UPDATE gcp_instance SET test_id = 0")

    claimed = leases.claim_run(Holder("worker", "s"), "linux", MAIN_REPOSITORY, now=NOW, lease=LEASE)

    assert claimed is not None and claimed.run_id == run_id


def test_a_requester_who_is_gone_keeps_no_run_from_being_seen(database: Database) -> None:
    first, second = add_run(), add_run()
    unchecked(database, f"INSERT INTO test_fork (user_id, test_id) VALUES (99999, {first})")

    catch_up(NOW)

    assert [runs.load_run(each).requester for each in (first, second)] == [None, None]


def test_branches_that_differ_by_spaces_at_the_end_are_two(database: Database) -> None:
    plain, spaced = add_run(branch="master"), add_run(branch="master ")
    catch_up(NOW)

    page = list_branches(None, None, NOW, None, limit=10, offset=0)
    listed = [
        [run.run_id for run in runs.list_runs(RunFilter(branch=name), RunSort.RUN_ID, limit=5).items] for name in ("master", "master ")]

    assert (page.total, [branch.name for branch in page.items]) == (2, ["master", "master "])
    assert listed == [[plain], [spaced]]
    session().rollback()
    assert session().get_one(TestRow, spaced).branch == "master "
