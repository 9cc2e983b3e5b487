"""Migrations: on nothing, on a platform's database, broken off in the middle, and taken back."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, event, inspect, text
from sqlalchemy.exc import OperationalError

from api.domain.auth.access import Role
from api.domain.runs.run import Phase, RunStatus
from api.domain.runs.run_list import RunFilter, RunSort
from api.domain.runs.worker_message import Answer, EqualityMessage, FinishMessage, ProgressMessage
from api.services.runs import leases, runs, worker_reports
from api.services.runs.platform_sync import catch_up
from api.storage import schema, schema_state
from api.storage.auth import accounts, tokens
from api.storage.database import session, transact, transaction
from api.storage.jobs.tables import JobRow
from api.storage.platform_tables import PLATFORM_TABLES
from api.storage.runs.leases import Holder
from api.storage.runs.new_runs import create_run
from tests.builders import (
    MAIN_REPOSITORY,
    NOW,
    add_event,
    add_finished_run,
    add_regression_test,
    add_result,
    add_run,
    add_token,
    add_user,
    minutes,
)
from tests.databases import opened
from tests.examples import each_day
from tests.storage.platform_databases import platform_database, schema_of
from tests.storage.runs.requests import new_run

HOUR = timedelta(hours=1)


TABLES = JobRow.metadata.sorted_tables


class BrokeOff(Exception):
    pass


def differences(engine: Engine) -> list[str]:
    """In what the tables and indexes of this server differ from what its steps have made."""
    def is_ours(_: Any, name: str | None, kind: str, *__: Any) -> bool:
        return kind != "table" or str(name).startswith("ci_") and name != schema.VERSION_TABLE

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": is_ours})
        return [repr(difference) for difference in compare_metadata(context, JobRow.metadata)]


@contextmanager
def breaking_off(engine: Engine, after: int) -> Iterator[None]:
    """Let a number of statements that change the schema through, and no more."""
    left = [after]

    def count_down(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().startswith(("CREATE", "ALTER", "DROP")):
            left[0] -= 1
            if left[0] < 0:
                raise BrokeOff

    event.listen(engine, "before_cursor_execute", count_down)
    try:
        with pytest.raises(BrokeOff):
            yield
    finally:
        event.remove(engine, "before_cursor_execute", count_down)


def tell(run_id: int, phase: Phase, words: str = "") -> Answer:
    """Report a phase as the run's worker does."""
    message = ProgressMessage(phase, words)
    return transact(lambda: worker_reports.store_progress(run_id, message, now=NOW, main_repository=MAIN_REPOSITORY))


def use() -> None:
    """Do what the server does with a database: a run is made, claimed, reported and finished; a token is issued and found."""
    user = add_user(role=Role.ADMIN)
    assert tokens.find_caller(add_token(user), NOW) is not None
    test = add_regression_test(categories=["DVB"])
    catch_up(NOW)
    run_id = transact(lambda: create_run(new_run([test.regression_id], requester_id=user)))
    claim = leases.claim_run(Holder("worker", "s"), "linux", MAIN_REPOSITORY, now=NOW, lease=HOUR)
    while claim is not None and claim.run_id != run_id:
        claim = leases.claim_run(Holder("worker", "s"), "linux", MAIN_REPOSITORY, now=NOW, lease=HOUR)
    transact(lambda: worker_reports.store_equality(run_id, EqualityMessage(test.regression_id, test.output_id), now=NOW))
    transact(lambda: worker_reports.store_finish(run_id, FinishMessage(test.regression_id, 0, 7), now=NOW))
    for phase in (Phase.TESTING, Phase.COMPLETED):
        tell(run_id, phase)
    assert runs.load_run(run_id).status is RunStatus.PASS


def test_an_empty_database_gets_everything_and_is_left_empty_again(empty_url: str) -> None:
    with opened(empty_url) as database:
        made = set(inspect(database.engine).get_table_names())
        belongs = schema_state.belongs_to_platform(database.engine)
        use()
        session().rollback()

        schema.downgrade(database.engine)

        assert made == {table.name for table in TABLES} | {schema.VERSION_TABLE}
        assert not belongs
        assert inspect(database.engine).get_table_names() == []


def test_the_steps_make_what_the_tables_say(empty_url: str) -> None:
    with opened(empty_url) as database:
        assert differences(database.engine) == []


def test_migrating_twice_changes_nothing(empty_url: str) -> None:
    with opened(empty_url) as database:
        once = schema_of(database.engine)

        schema.migrate(database.engine)

        assert schema_of(database.engine) == once
        schema_state.require_current(database.engine)


def test_a_database_without_our_schema_is_not_current(empty_url: str) -> None:
    with platform_database(empty_url) as database:
        with pytest.raises(schema_state.SchemaUnknown, match="lacks a migration"):
            schema_state.require_current(database.engine)
        assert schema_state.belongs_to_platform(database.engine)


@pytest.mark.parametrize("older", [False, True], ids=["today", "older"])
def test_a_platforms_database_is_used_and_left_as_it_was(empty_url: str, older: bool) -> None:
    with platform_database(empty_url, older=older) as database:
        before = schema_of(database.engine)

        schema.migrate(database.engine)
        add_finished_run(add_regression_test())
        use()
        found = runs.list_runs(RunFilter(), RunSort.RUN_ID, limit=10)
        session().rollback()
        belongs = schema_state.belongs_to_platform(database.engine)
        during = schema_of(database.engine)
        schema.downgrade(database.engine)

        assert found.total == 2
        assert belongs
        assert {name: text for name, text in during.items() if name in before and name != "user"} == {
            name: text for name, text in before.items() if name != "user"}
        assert schema_of(database.engine) == before


@pytest.mark.parametrize(("empty_url", "after"), [
    *each_day([("sqlite", after) for after in (0, 20, 44, 81)], ("sqlite", 44)),
    *(pytest.param("mariadb", after, marks=[pytest.mark.mariadb, *([] if after in (0, 4, 20, 36, 55) else [pytest.mark.verify])])
      for after in (0, 1, 2, 3, 4, 5, 9, 13, 20, 27, 34, 35, 36, 44, 53, 54, 55, 56, 59)),
], indirect=["empty_url"])
def test_a_migration_that_broke_off_can_be_repeated(empty_url: str, after: int) -> None:
    with platform_database(empty_url, older=True) as database:
        before = schema_of(database.engine)
        with breaking_off(database.engine, after):
            schema.migrate(database.engine)
        # SQLite takes all of it back, wherever it breaks off.
        assert not (database.is_sqlite and any(name.startswith("ci_") for name in inspect(database.engine).get_table_names()))

        schema.migrate(database.engine)
        missing = differences(database.engine)
        use()
        session().rollback()
        schema.downgrade(database.engine)

        assert missing == []
        assert schema_of(database.engine) == before


@pytest.mark.parametrize("after", each_day(range(0, 22, 2), 4, 14))
def test_a_downgrade_that_broke_off_can_be_repeated(empty_url: str, after: int) -> None:
    with platform_database(empty_url, older=True) as database:
        before = schema_of(database.engine)
        schema.migrate(database.engine)
        with breaking_off(database.engine, after):
            schema.downgrade(database.engine)

        schema.downgrade(database.engine)

        assert schema_of(database.engine) == before


def test_a_migration_one_of_whose_tables_is_refused_can_be_repeated(empty_url: str) -> None:
    with opened(empty_url, migrated=False) as database:
        execute("CREATE VIEW ci_run_replacement AS SELECT 1 AS run_id")
        for _ in range(2):
            with pytest.raises(OperationalError):
                schema.migrate(database.engine)
        execute("DROP VIEW ci_run_replacement")

        schema.migrate(database.engine)

        schema_state.require_current(database.engine)
        assert differences(database.engine) == []


@pytest.mark.parametrize("unreleased", [
    ["CREATE TABLE ci_schema_version (version_num VARCHAR(32) PRIMARY KEY)", "INSERT INTO ci_schema_version VALUES ('9007')"],
    # The first of the unreleased steps has the number of the first released one.
    ["CREATE TABLE ci_added (name VARCHAR(100) PRIMARY KEY)", "CREATE TABLE ci_schema_version (version_num VARCHAR(32) PRIMARY KEY)",
     "INSERT INTO ci_schema_version VALUES ('0001')"],
    # MySQL keeps this much of one that broke off.
    ["CREATE TABLE ci_added (name VARCHAR(100) PRIMARY KEY)"],
], ids=["unknown", "0001", "broken off"])
@pytest.mark.parametrize("ask", [schema.migrate, schema.downgrade, schema_state.require_current, schema_state.SchemaCheck()])
def test_what_an_unreleased_version_made_is_refused_and_left_as_it_is(
    empty_url: str, unreleased: list[str], ask: Callable[[Engine], None],
) -> None:
    with opened(empty_url, migrated=False) as database:
        for statement in unreleased:
            execute(statement)
        before = inspect(database.engine).get_table_names()

        with pytest.raises(schema_state.SchemaUnknown, match="drop all tables whose names begin with `ci_`"):
            ask(database.engine)

        assert inspect(database.engine).get_table_names() == before


def execute(statement: str) -> None:
    with transaction() as current:
        current.connection().exec_driver_sql(statement)


def test_a_migration_of_nothing_that_broke_off_can_be_repeated(empty_url: str) -> None:
    with opened(empty_url, migrated=False) as database:
        with breaking_off(database.engine, 15):
            schema.migrate(database.engine)

        schema.migrate(database.engine)

        assert not schema_state.belongs_to_platform(database.engine)
        schema.downgrade(database.engine)
        assert inspect(database.engine).get_table_names() == []


def test_what_a_step_wrote_after_it_made_a_table_is_taken_back_where_it_breaks_off(
    empty_url: str, monkeypatch: pytest.MonkeyPatch,
) -> None:
    def step(config: Config, _revision: str) -> None:
        connection: Connection = config.attributes["connection"]
        connection.exec_driver_sql("CREATE TABLE made (number INTEGER)")
        connection.exec_driver_sql("INSERT INTO made VALUES (1)")
        raise BrokeOff

    monkeypatch.setattr(schema.command, "upgrade", step)
    with opened(empty_url, migrated=False) as database:
        with pytest.raises(BrokeOff):
            schema.migrate(database.engine)

        # MariaDB keeps the table.
        made = inspect(database.engine).get_table_names()
        assert made == ([] if database.is_sqlite else ["made"])
        assert not made or session().execute(text("SELECT number FROM made")).all() == []


def test_rows_of_another_age_are_taken_as_they_are(empty_url: str) -> None:
    with platform_database(empty_url) as database:
        schema.migrate(database.engine)
        test = add_regression_test()
        run_id = add_run(commit="1a2b3", branch="x" * 300, tests=[test.regression_id])
        add_event(run_id, Phase.TESTING)
        add_event(run_id, "building", "A phase that is no more")
        add_result(run_id, test.regression_id, expected_exit_code=None)
        with database.engine.connect().execution_options(ci_writes=True) as connection:
            connection.exec_driver_sql("UPDATE test SET fork_id = NULL, token = NULL")
            connection.exec_driver_sql("UPDATE regression_test_output SET correct = NULL, expected_filename = NULL")
            connection.commit()

        catch_up(minutes(1))
        found = runs.load_run(run_id)

        assert (found.status, found.repository, found.branch) == (RunStatus.RUNNING, "", "x" * 300)


def test_every_table_of_the_platform_is_known_by_its_name() -> None:
    assert {table.name for table in PLATFORM_TABLES} & {"test", "test_progress", "user", "regression_test_output_files"}
    assert not any(table.name.startswith("ci_") for table in PLATFORM_TABLES)


def test_text_that_an_old_table_cannot_hold_is_kept_as_far_as_it_can(empty_url: str) -> None:
    with platform_database(empty_url) as database:
        schema.migrate(database.engine)
        test, requester = add_regression_test(), add_user()
        run_id = transact(lambda: create_run(new_run([test.regression_id], requester_id=requester)))

        answers = [tell(run_id, phase, "Größe 🎬") for phase in (Phase.PREPARATION, Phase.TESTING)]

        assert answers == [Answer.OK] * 2
        assert [each.status for each in runs.list_runs(RunFilter(), RunSort.RUN_ID, limit=5).items] == [RunStatus.RUNNING]
        assert accounts.find_account("größe🎬@example.test") is None
