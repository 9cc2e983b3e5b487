"""How the databases answer: no list reads a table of runs, results or verdicts from its first row to its last."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, insert

from api.domain.causes.run_analysis import ANALYSIS_VERSION
from api.domain.results.history import HistoryFilter
from api.domain.results.result import Verdict
from api.domain.runs.run import Phase, Platform, RunStatus
from api.domain.runs.run_list import RunFilter, RunSort
from api.services.results import verdicts
from api.services.runs import runs
from api.services.runs.platform_sync import catch_up, judge_pending
from api.storage.database import session, transaction
from api.storage.platform_tables import ProgressRow, ResultFileRow, ResultRow, TestRow
from api.storage.results import analyses, evidence, history
from api.storage.runs import line, queue, shard_tests
from api.storage.runs.runs import find_commit
from api.storage.tables.results import AnalysisRow
from tests.builders import BASELINE, NOW, BuiltTest, add_fork, add_regression_test, add_sample, digest_of, minutes
from tests.databases import Database, opened

GROWING = ("test", "test_progress", "test_result", "test_result_file", "customized_test", "ci_run", "ci_verdict", "ci_analysis")
RUNS = 1500

Work = Callable[[], Any]
MAIN = "CCExtractor/ccextractor"


@dataclass(frozen=True)
class Filled:
    """A database that has been filled, and the regression tests that its runs are of."""

    database: Database
    tests: tuple[BuiltTest, BuiltTest]


def fill() -> tuple[BuiltTest, BuiltTest]:
    """Many runs of two regression tests of one sample; all but the newest have been analysed."""
    sample, forks = add_sample(), [add_fork(f"https://github.com/{owner}/ccextractor.git") for owner in ("CCExtractor", "ada", "bob")]
    tests = add_regression_test(sample_id=sample), add_regression_test(sample_id=sample)
    numbers = range(1, RUNS + 1)
    with transaction() as current:
        current.execute(insert(TestRow), [
            {"id": number, "platform": ("linux", "windows")[number % 2], "test_type": "commit", "token": digest_of(f"secret {number}"),
             "fork_id": forks[number % 3], "branch": f"branch{number % 50}", "commit": digest_of(f"commit {number}")[:40],
             "pr_nr": number % 100} for number in numbers])
        current.execute(insert(ProgressRow), [
            {"test_id": number, "status": phase.value, "timestamp": minutes(number), "message": ""}
            for number in numbers for phase in (Phase.TESTING, Phase.COMPLETED)])
        current.execute(insert(ResultRow), [
            {"test_id": number, "regression_test_id": test.regression_id, "runtime": 1, "exit_code": int(number % 20 == 0),
             "expected_rc": 0} for number in numbers for test in tests])
        current.execute(insert(ResultFileRow), [
            {"test_id": number, "regression_test_id": test.regression_id, "regression_test_output_id": test.output_id,
             "expected": BASELINE, "got": None} for number in numbers for test in tests])
    catch_up(NOW)
    while judge_pending(500):
        pass
    with transaction() as current:
        current.execute(insert(AnalysisRow), [
            {"run_id": number, "name": "0" * 32, "version": ANALYSIS_VERSION, "body": b""} for number in numbers[:-1]])
    return tests


@pytest.fixture(scope="module", params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """A filled database of either kind, which no test changes."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path_factory.mktemp('filled') / 'ci.db'}"
        else:
            server = request.getfixturevalue("mariadb_server")
            made = server.create_database()
            stack.callback(server.drop_database, made)
            url = made.render_as_string(hide_password=False)
        database = stack.enter_context(opened(url))
        tests = fill()
        analyze(database)
        session().rollback()
        yield Filled(database, tests)


def analyze(database: Database) -> None:
    """Tell the planner how much there is, as time does on a server."""
    with database.engine.begin() as connection:
        connection.exec_driver_sql("ANALYZE" if database.is_sqlite else f"ANALYZE TABLE {', '.join(GROWING)}")


@contextmanager
def collected(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """The SELECTs that are executed meanwhile, with what is bound in them."""
    seen: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.lstrip("( ").startswith("SELECT"):
            seen.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def whole_tables(database: Database, statement: str, parameters: Any) -> list[str]:
    """The tables that grow with the runs and that the plan of a statement reads without an index."""
    with database.engine.connect() as connection:
        if database.is_sqlite:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            return [step[3] for step in plan if is_whole_scan(step[3]) and not in_order(statement, [
                each[3] for each in plan if each[1] == step[1]])]
        rows = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).mappings()
        return [row["table"] for row in rows if row["type"] == "ALL" and row["table"] in GROWING]


def is_whole_scan(step: str) -> bool:
    return step.startswith("SCAN") and "INDEX" not in step and step.split()[1] in GROWING


def in_order(statement: str, steps: list[str]) -> bool:
    """Whether SQLite only reads a table in its own order, the run's number, until the page is full; a scan it calls that, too."""
    return "ORDER BY ci_run.run_id" in statement and "LIMIT" in statement and not any("TEMP" in step for step in steps)


def run_lists() -> dict[str, Work]:
    """Lists of runs by every order and filter, from the front and from the end."""
    wanted = {
        "all": RunFilter(), "branch": RunFilter(branch="branch7"), "commit": RunFilter(commit_sha="0" * 40),
        "repository": RunFilter(repository=MAIN), "platform": RunFilter(platform=Platform.LINUX),
        "pull request": RunFilter(pull_request=7), "since": RunFilter(created_after=minutes(RUNS - 100)),
        "until": RunFilter(created_before=minutes(100)), "status and branch": RunFilter(status=RunStatus.FAIL, branch="branch10"),
        **{status.value: RunFilter(status=status) for status in RunStatus}}
    works = {f"{name} {sort.value}": _listing(each, sort) for name, each in wanted.items() for sort in RunSort}
    return works | {"all, last page": lambda: runs.list_runs(RunFilter(), RunSort.CREATED_AT_DESC, limit=50, offset=RUNS - 50)}


def _listing(wanted: RunFilter, sort: RunSort) -> Work:
    return lambda: runs.list_runs(wanted, sort, limit=50)


def histories(tests: tuple[BuiltTest, BuiltTest]) -> dict[str, Work]:
    """The sample's history by every filter."""
    wanted = {
        "all": HistoryFilter(), "run status": HistoryFilter(run_status=RunStatus.FAIL), "verdict": HistoryFilter(verdict=Verdict.FAIL),
        "test": HistoryFilter(regression_id=tests[0].regression_id), "branch": HistoryFilter(branch="branch7"),
        "platform": HistoryFilter(platform=Platform.LINUX), "since": HistoryFilter(created_after=minutes(RUNS - 100)),
        "until": HistoryFilter(created_before=minutes(100))}
    ids = [test.regression_id for test in tests]
    return {f"history {name}": _history(ids, each) for name, each in wanted.items()}


def _history(ids: list[int], wanted: HistoryFilter) -> Work:
    return lambda: history.list_history(ids, wanted, limit=50, offset=0)


def others() -> dict[str, Work]:
    """What else is asked of runs."""
    return {
        "looking for what happened": lambda: catch_up(NOW + timedelta(days=1)),
        "queue": lambda: queue.load_queue(None, None, MAIN, limit=50, offset=0),
        "branches": lambda: queue.list_branches(None, None, NOW, None, limit=50, offset=0),
        "active branches": lambda: queue.list_branches(None, None, NOW, True, limit=50, offset=0),
        "branches of a repository": lambda: queue.list_branches(MAIN, None, NOW, None, limit=50, offset=0),
        "a run": lambda: verdicts.judge_run(runs.load_run(700)),
        "its line": lambda: line.load_line(runs.load_run(700), MAIN),
        "a commit": lambda: find_commit(digest_of("commit 700")[:7]),
        "past reports": lambda: evidence.load_past_reports(range(680, 700)),
        "its counts": lambda: verdicts.load_summary(runs.load_run(700)),
        "runtimes": lambda: shard_tests.load_runtimes(Platform.LINUX),
        "average durations": lambda: [runs.average_duration(each) for each in Platform]}


def test_every_list_is_answered_from_indexes(filled: Filled) -> None:
    database, works = filled.database, histories(filled.tests) | run_lists() | others()
    dear: dict[str, list[str]] = {}

    for name, work in works.items():
        session().rollback()
        with collected(database) as statements:
            work()
        session().rollback()
        found = [step for statement, parameters in statements for step in whole_tables(database, statement, parameters)]
        if found:
            dear[name] = found

    assert dear == {}


def add_runs(number: int, name: str) -> None:
    """Queued runs on branches of their own."""
    fork = add_fork()
    with transaction() as current:
        current.execute(insert(TestRow), [
            {"platform": "linux", "test_type": "commit", "token": digest_of(f"{name} {each}"), "fork_id": fork,
             "branch": f"{name}{each}", "commit": "c" * 40, "pr_nr": 0} for each in range(number)])
    catch_up(NOW)


@pytest.mark.parametrize(("name", "most"), [
    *((f"runs {status.value}", 3) for status in RunStatus), ("runs", 2), ("queue", 1), ("branches", 3), ("active branches", 3),
    ("branches by name", 2), ("runtimes", 1), ("average durations", 2), ("looking for what happened", 3)])
def test_a_list_takes_as_many_statements_on_many_runs_as_on_few(database: Database, name: str, most: int) -> None:
    works = others() | {
        "runs": _listing(RunFilter(), RunSort.CREATED_AT_DESC),
        "branches by name": lambda: queue.list_branches(None, "fe", NOW, None, limit=50, offset=0),
        **{f"runs {status.value}": _listing(RunFilter(status=status), RunSort.CREATED_AT_DESC) for status in RunStatus}}
    counts = []
    for number, branch in ((2, "few"), (30, "feather")):
        add_runs(number, branch)
        session().rollback()
        with database.counted() as statements:
            works[name]()
        counts.append(len(statements))

    assert counts[0] == counts[1] <= most


def plan_of(database: Database, statement: str, parameters: Any) -> str:
    """How the database means to execute a statement, in its own words."""
    prefix = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
    with database.engine.connect() as connection:
        return "\n".join(str(tuple(row)) for row in connection.exec_driver_sql(f"{prefix} {statement}", parameters))


@pytest.mark.parametrize(("wanted", "index"), [
    (HistoryFilter(verdict=Verdict.FAIL), "ci_ix_verdict_verdict"), (HistoryFilter(run_status=RunStatus.ERROR), "ci_ix_verdict_status"),
    (HistoryFilter(branch="branch7"), "ci_ix_verdict_branch")])
def test_a_narrowed_history_is_counted_in_an_index_of_its_own(filled: Filled, wanted: HistoryFilter, index: str) -> None:
    database = filled.database

    with collected(database) as statements:
        _history([test.regression_id for test in filled.tests], wanted)()
    session().rollback()
    total = next(each for each in statements if "ci_verdict" in each[0])

    plan = plan_of(database, *total)
    assert index in plan
    assert ("COVERING INDEX" if database.is_sqlite else "Using index") in plan


@pytest.mark.parametrize(("work", "index"), [
    (lambda: line.load_line_and_sources(runs.load_run(RUNS), MAIN), "ci_ix_run_platform"),
    (lambda: analyses.require_outdated(10), "ci_ix_ci_analysis_version")])
def test_of_older_runs_no_more_are_read_than_are_wanted(filled: Filled, work: Work, index: str) -> None:
    database = filled.database

    with collected(database) as statements:
        work()
    session().rollback()

    found = plan_of(database, *statements[-1])
    assert index in found
    assert not database.is_sqlite or "run_id<?" in found or "version<?" in found
