"""A process that is killed while it analyses a run leaves nothing of it behind, and the run to the next one."""
from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from api.domain.causes.run_analysis import AnalysisDue, AnalysisState
from api.services.results.analyses import find_analysis
from api.services.results.verdicts import judge_run
from api.services.runs import runs
from api.storage.database import session, transaction
from api.storage.tables.results import AnalysisRow, ClusterRow, StepRow
from api.storage.tables.runs import RunRow
from tests.builders import MAIN_REPOSITORY, NOW
from tests.databases import Database
from tests.examples import each_day
from tests.services.results.analysed import Scene

ROOT = Path(__file__).parents[3]
LONG_AGO = NOW.replace(year=2000)
# Analyses a run, and dies just before the first statement of a kind.
PROGRAM = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import event
from api.services.results.analysing import Analyst
from api.services.results.output_facts import FactFinder
from tests.builders import MAIN_REPOSITORY
from tests.databases import opened
from tests.services.results.analysed import OwnPool, archive_of

url, folder, last = sys.argv[1:]

def die(connection, cursor, statement, *rest):
    if statement.startswith(last):
        os.kill(os.getpid(), signal.SIGKILL)

with opened(url, migrated=False) as database:
    event.listen(database.engine, "before_cursor_execute", die)
    Analyst(FactFinder(archive_of(Path(folder)), OwnPool()), MAIN_REPOSITORY).analyse_next()
"""


@pytest.mark.parametrize("before", each_day(
    [f"INSERT INTO {table}" for table in ("ci_output_facts", "ci_analysis", "ci_step", "ci_cluster")], "INSERT INTO ci_cluster"))
def test_nothing_is_kept_of_an_analysis_by_halves_and_the_next_process_makes_it(database: Database, tmp_path: Path, before: str) -> None:
    scene = Scene.made(tmp_path / "files")
    run_id = scene.run("a", ends={0: "460", 1: "460"})
    session().rollback()

    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, database.url, str(scene.folder), before], cwd=ROOT, capture_output=True, check=False).returncode
    session().rollback()
    kept = [session().execute(select(func.count()).select_from(table)).scalar_one() for table in (AnalysisRow, StepRow, ClusterRow)]
    held = scene.analyse_all()
    with transaction() as current:
        current.execute(update(RunRow).values(analysis_taken_until=LONG_AGO))
    made = scene.analyse_all()

    assert ended == -signal.SIGKILL
    assert kept == [0, 0, 0]
    assert (held, made) == ([], [AnalysisDue.ENDED])
    session().rollback()
    run = runs.show_run(run_id, NOW)
    assert find_analysis(run, judge_run(run), MAIN_REPOSITORY).state is AnalysisState.READY
