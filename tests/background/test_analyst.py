"""The analyst's task: what ended is analysed at once, and what readers wait for before all else."""
from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from api.background.analyst import AnalystTask
from api.services.results.analysis_requests import MOST, AnalysisRequests
from api.storage.database import session, transaction
from api.storage.results.analyses import count_due_runs, load_analysis
from tests.databases import Database
from tests.services.results.analysed import Scene


@pytest.fixture
def scene(sqlite_database: Database, tmp_path: Path) -> Scene:
    return Scene.made(tmp_path / "files", 1)


def make_behind() -> None:
    with transaction() as current:
        current.connection().exec_driver_sql("UPDATE ci_run SET analysis_due = 0")


def test_all_runs_that_ended_are_analysed_in_one_go(sqlite_database: Database, scene: Scene) -> None:
    ended = [scene.run(commit, at=number) for number, commit in enumerate("abc")]
    ticks = count(step=100)
    task = AnalystTask(sqlite_database.app, scene.analyst, AnalysisRequests(), clock=lambda: next(ticks))

    task.analyse()

    session().rollback()
    assert None not in [load_analysis(run_id) for run_id in ended]


def test_runs_of_before_are_analysed_a_slice_at_a_time(sqlite_database: Database, scene: Scene) -> None:
    for number, commit in enumerate("abc"):
        scene.run(commit, at=number)
    make_behind()
    ticks, requests = count(step=100), AnalysisRequests()
    requests.wake.set()
    task = AnalystTask(sqlite_database.app, scene.analyst, requests, clock=lambda: next(ticks))

    left = task.analyse()

    assert left is True
    assert count_due_runs() == 2


def test_what_a_reader_waits_for_comes_first(sqlite_database: Database, scene: Scene) -> None:
    first, *_ = [scene.run(commit, at=number) for number, commit in enumerate("abc")]
    make_behind()
    ticks, requests = count(step=100), AnalysisRequests()
    requests.want(first)
    task = AnalystTask(sqlite_database.app, scene.analyst, requests, clock=lambda: next(ticks))

    task.analyse()

    session().rollback()
    assert load_analysis(first) is not None


def test_only_so_many_readers_are_remembered() -> None:
    requests = AnalysisRequests()
    for run_id in range(1, MOST + 9):
        requests.want(run_id)

    assert len(requests.taken()) == MOST
    assert requests.taken() == []
