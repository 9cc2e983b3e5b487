"""Files of workers: the database is never locked while bytes become durable, and a server may die at any moment."""
from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from api.domain.runs.run import Phase
from api.storage.platform_tables import ResultFileRow
from tests.builders import BuiltTest, add_event, add_regression_test, add_run
from tests.e2e.processes import ROOT, TIMEOUT, environment
from tests.handlers.conftest import MakeSite
from tests.handlers.site import Site
from tests.handlers.worker.dying_server import CONTENT

POINTS = {
    "before its bytes are durable": ("fsync", 1, "before"), "before it has its name": ("{move}", 1, "before"),
    "before its row is committed": ("{move}", 1, "after"), "before its name is durable": ("fsync", 2, "before"),
    "before the answer": ("fsync", 3, "after")}


def begun_run() -> int:
    """A run whose tests may report."""
    run_id = add_run()
    add_event(run_id, Phase.TESTING)
    return run_id


def fields_of(kind: str, test: BuiltTest) -> dict[str, object]:
    """The form that goes with a file."""
    return {"type": kind} | ({"test_id": test.regression_id, "test_file_id": test.output_id} if kind == "upload" else {})


def stored(site: Site) -> list[bytes]:
    """The files that were given a name."""
    return [path.read_bytes() for name in ("LogFiles", "TestResults") for path in (site.files / name).rglob("*") if path.is_file()]


@pytest.mark.parametrize("kind", ["upload", "logupload"])
def test_others_may_write_while_the_bytes_of_a_file_become_durable(
    site: Site, monkeypatch: pytest.MonkeyPatch, kind: str,
) -> None:
    fields, run_id = fields_of(kind, add_regression_test()), begun_run()
    free: list[bool] = []
    really = os.fsync

    def watched(descriptor: int) -> None:
        free.append(is_free(Path(site.settings.database_url.removeprefix("sqlite:///"))))
        really(descriptor)

    monkeypatch.setattr(os, "fsync", watched)

    answer = site.send(run_id, CONTENT, **fields)

    assert answer.text == "OK"
    assert free and all(free)


def is_free(database: Path) -> bool:
    """Whether somebody else could write at this moment."""
    other = sqlite3.connect(database, timeout=0, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return False
    finally:
        other.close()
    return True


@pytest.mark.parametrize(("kind", "move", "point"), [
    *(pytest.param("upload", "link", point, marks=[] if point == "before its name is durable" else pytest.mark.verify) for point in POINTS),
    *(pytest.param("logupload", "replace", point, marks=pytest.mark.verify)
      for point in ("before its row is committed", "before its name is durable"))])
def test_a_file_whose_server_was_killed_is_taken_when_it_is_sent_again(
    make_site: MakeSite, sqlite_path: Path, tmp_path: Path, kind: str, move: str, point: str,
) -> None:
    site = make_site()
    fields, run_id = fields_of(kind, add_regression_test()), begun_run()
    name, call, moment = POINTS[point]
    killed = subprocess.run(
        [sys.executable, "-m", "tests.handlers.worker.dying_server", str(tmp_path), str(sqlite_path), str(run_id), name.format(move=move),
         str(call), moment, *(f"{field}={value}" for field, value in fields.items())],
        env=environment({}), cwd=ROOT, stdin=subprocess.DEVNULL, check=False, timeout=TIMEOUT)
    rows_before, files_before = len(site.rows(select(ResultFileRow))), stored(site)

    answer = site.send(run_id, CONTENT, **fields)

    assert killed.returncode == -signal.SIGKILL
    # Whatever has a name is whole, and no row is without its file.
    assert files_before in ([], [CONTENT])
    assert rows_before <= len(files_before)
    assert answer.text == "OK"
    assert stored(site) == [CONTENT]
    assert len(site.rows(select(ResultFileRow))) == (kind == "upload")
