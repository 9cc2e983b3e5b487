"""Judging finished runs again on the command line."""
from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from api.services.runs.platform_sync import catch_up
from tests.builders import NOW, add_finished_run, add_regression_test
from tests.commands.conftest import Call
from tests.databases import opened


def statuses(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [status for status, in connection.execute("SELECT status FROM ci_run ORDER BY run_id")]


def test_runs_of_older_rules_are_judged_again_and_those_that_come_out_otherwise_are_counted(call: Call, sqlite_path: Path) -> None:
    with opened(f"sqlite:///{sqlite_path}"):
        for _ in range(2):
            add_finished_run(add_regression_test())
        catch_up(NOW)
    with closing(sqlite3.connect(sqlite_path)) as connection, connection:
        connection.execute("UPDATE ci_run SET rules_version = 0")
        connection.execute("UPDATE ci_run SET status = 'fail' WHERE run_id = 1")

    first, again = call("rejudge"), call("rejudge")

    assert statuses(sqlite_path) == ["pass", "pass"]
    assert first.output.splitlines() == ["2 of 2 runs judged", "Judged 2 runs by version 1 of the rules; 1 came out otherwise."]
    assert again.output.splitlines() == ["Judged 0 runs by version 1 of the rules; 0 came out otherwise."]


def test_all_runs_are_judged_again_on_demand(call: Call, sqlite_path: Path) -> None:
    with opened(f"sqlite:///{sqlite_path}"):
        add_finished_run(add_regression_test())
        catch_up(NOW)
    with closing(sqlite3.connect(sqlite_path)) as connection, connection:
        connection.execute("UPDATE ci_run SET status = 'error'")

    said = call("rejudge", "--all")

    assert (said.status, statuses(sqlite_path)) == (0, ["pass"])
