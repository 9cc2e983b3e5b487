"""Each step of the schema takes over what the one before has kept."""
from __future__ import annotations

import zlib

import orjson
from alembic import command
from sqlalchemy import Engine, delete, inspect, update

from api.domain.runs.run import RunStatus
from api.services.results.verdicts import judge_run
from api.services.runs import runs
from api.services.runs.platform_sync import catch_up
from api.storage import schema
from api.storage.database import session, transaction
from api.storage.platform_tables import ResultFileRow, ResultRow
from api.storage.tables import EvidenceRow
from tests.builders import BASELINE, NOW, add_finished_run, add_regression_test
from tests.databases import opened


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
