"""Each step of the schema takes over what the one before has kept."""
from __future__ import annotations

import zlib

import orjson
from alembic import command
from sqlalchemy import Engine, delete, inspect, update

from api.domain.runs.run import Platform, RunStatus
from api.domain.runs.trigger import RunRequest
from api.services.results.verdicts import judge_run
from api.services.runs import runs
from api.services.runs.platform_sync import catch_up
from api.storage import schema
from api.storage.database import session, transact, transaction
from api.storage.platform_tables import ResultFileRow, ResultRow
from api.storage.runs.new_runs import create_run
from api.storage.runs.shard_tests import load_shards
from api.storage.tables.results import EvidenceRow
from tests.builders import BASELINE, MAIN_REPOSITORY, NOW, add_finished_run, add_regression_test, add_user
from tests.databases import opened
from tests.storage.runs.requests import new_run


def asked(shards: int) -> RunRequest:
    return RunRequest(MAIN_REPOSITORY, f"{shards:040x}", Platform.LINUX, "master", shards=shards)


def downgrade_to(engine: Engine, revision: str) -> None:
    """Take back the steps that followed this one."""
    session().rollback()
    with schema._stepping(engine) as connection:
        command.downgrade(schema._config(connection), revision)


def test_reports_that_were_kept_before_the_rules_had_a_version_still_count(empty_url: str) -> None:
    with opened(empty_url) as database:
        test = add_regression_test()
        run_id = add_finished_run(test)
        catch_up(NOW)
        reports = [[test.regression_id, [0, 100, 0], [[test.output_id, None, BASELINE]]]]
        with transaction():
            session().execute(update(EvidenceRow).values(body=zlib.compress(orjson.dumps(reports))))
            for table in (ResultRow, ResultFileRow):
                session().execute(delete(table).where(table.test_id == run_id))
        downgrade_to(database.engine, "0001")
        older = set(inspect(database.engine).get_table_names())

        schema.migrate(database.engine)

        shown = runs.show_run(run_id, NOW)
        assert "ci_report_snapshot" in older
        assert shown.status is RunStatus.PASS
        assert judge_run(shown).evidence.events


def test_a_step_that_broke_off_can_be_repeated(empty_url: str) -> None:
    with opened(empty_url) as database:
        downgrade_to(database.engine, "0001")
        with transaction() as current:
            current.connection().exec_driver_sql("ALTER TABLE ci_report_snapshot RENAME TO ci_evidence")
            current.connection().exec_driver_sql("ALTER TABLE ci_run ADD COLUMN evidence VARCHAR(32)")

        schema.migrate(database.engine)

        assert {"evidence", "rules_version"} <= {column["name"] for column in inspect(database.engine).get_columns("ci_run")}


def test_runs_that_were_divided_by_number_stay_so(empty_url: str) -> None:
    with opened(empty_url) as database:
        tests = [add_regression_test().regression_id for _ in range(5)]
        user = add_user()
        divided, whole = transact(lambda: [
            create_run(new_run(tests, requester_id=user, request=asked(shards))) for shards in (2, 1)])
        downgrade_to(database.engine, "0020")

        for _ in range(2):
            schema.migrate(database.engine)

        first, second, third, fourth, fifth = tests
        assert load_shards(divided) == ((first, third, fifth), (second, fourth))
        assert load_shards(whole) == ()
