"""What questions about causes cost on a database of ten thousand analysed runs, and how MariaDB and SQLite go about them.

    python -m benchmarks.many_causes [--runs 10000] [--plans]

Each run has three causes of forty classes and 15 failing tests of 300; a fifth are of pull requests.
"""
from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

import orjson
from sqlalchemy import event, insert

from api.domain.causes.run_analysis import ANALYSIS_VERSION
from api.domain.runs.run import Platform, RunStatus
from api.services.runs import runs
from api.storage.database import session, transaction
from api.storage.platform_tables import TestRow
from api.storage.results import analyses, occurrences
from api.storage.runs import line
from api.storage.tables.results import AnalysisRow, ClusterRow, StepRow
from api.storage.tables.runs import RunRow
from tests.builders import MAIN_REPOSITORY, NOW, add_fork, digest_of
from tests.databases import Database, opened
from tests.mariadb import running_server

ROUNDS, BATCH, FAILING, CLASSES = 15, 500, 15, 40
Work = Callable[[], object]


def fill(count: int) -> None:
    """So many runs, a run every ten minutes, each of a commit of its own on one of two platforms."""
    fork = add_fork(f"https://github.com/{MAIN_REPOSITORY}.git")
    for start in range(1, count + 1, BATCH):
        numbers = range(start, min(start + BATCH, count + 1))
        with transaction() as current:
            current.execute(insert(TestRow), [
                {"id": each, "platform": _platform(each), "test_type": "commit", "token": digest_of(f"secret {each}"), "fork_id": fork,
                 "branch": "master", "commit": _commit(each), "pr_nr": _pull(each) or 0} for each in numbers])
            current.execute(insert(RunRow), [_run(each, count) for each in numbers])
            current.execute(insert(AnalysisRow), [
                {"run_id": each, "name": digest_of(f"name {each}")[:32], "version": ANALYSIS_VERSION, "body": b"\0" * 4000}
                for each in numbers])
            current.execute(insert(ClusterRow), [
                {"run_id": each, "ordinal": place, "class_id": _class(each, place), "exact_id": _class(each, place), "origin": "not_mine",
                 "test_count": 5} for each in numbers for place in range(3)])
            current.execute(insert(StepRow), [_step(each, test) for each in numbers for test in range(FAILING)])


def _platform(number: int) -> str:
    return ("linux", "windows")[number % 2]


def _commit(number: int) -> str:
    return digest_of(f"commit {number // 2}")[:40]


def _pull(number: int) -> int | None:
    return number // 10 + 1 if number % 10 < 2 else None


def _class(number: int, place: int) -> str:
    return digest_of(f"class {(number // 50 + place * 7) % CLASSES}")[:16]


def _run(number: int, count: int) -> dict[str, Any]:
    return {
        "run_id": number, "platform": _platform(number), "repository": MAIN_REPOSITORY.lower(), "branch": "master",
        "commit_sha": _commit(number), "pull_request": _pull(number), "created_at": NOW - timedelta(minutes=10 * (count - number)),
        "parent_sha": _commit(number - 2), "merge_base_sha": _commit(number - 2) if _pull(number) else None,
        "status": RunStatus.FAIL.value, "evidence": digest_of(f"evidence {number}")[:32]}


def _step(number: int, test: int) -> dict[str, Any]:
    regression_id = (number // 40 + test * 17) % 300 + 1
    came = digest_of(f"came {regression_id} {number // 40}")[:32]
    return {
        "run_id": number, "regression_id": regression_id, "is_change": number % 40 < 2, "came": came, "step": came,
        "body": orjson.dumps({"from_run_id": number - 2, "from_commit": _commit(number - 2), "untested": [], "facts": []})}


def questions(count: int) -> dict[str, Work]:
    """What is asked, of the newest run."""
    newest = count - count % 10 - 3
    run, since = runs.load_run(newest), NOW - timedelta(days=90)
    lately, step = NOW - timedelta(days=21), _step(newest, 0)
    found = line.load_line_and_sources(run, MAIN_REPOSITORY)
    print(f"{len(found[0].runs)} runs on the line, {len(found[1])} that tell of it")
    return {
        "the line of a run, and the runs that tell of it": lambda: line.load_line_and_sources(run, MAIN_REPOSITORY),
        "commits that were run more than once": lambda: line.load_repeats(run, frozenset()),
        "an analysis, and where else its causes were seen in 21 days": lambda: occurrences.load_analysis_and_elsewhere(newest, lately),
        "a class, 90 days": lambda: occurrences.find_class(_class(newest, 0), since, besides=newest, limit=10),
        "an output, 90 days": lambda: occurrences.find_output(step["regression_id"], step["came"], since, besides=newest, limit=10),
        "a step, 90 days": lambda: occurrences.find_step(step["regression_id"], step["step"], since, besides=newest, limit=10),
        "the steps of a test": lambda: occurrences.list_steps(step["regression_id"], platform=Platform.LINUX, branch=None, limit=100),
        "how many runs wait": analyses.count_due_runs,
        "the run that waits most": lambda: analyses.take_due_run(NOW, timedelta(seconds=30)),
        "runs of an older version": lambda: analyses.require_outdated(200)}


def measure(database: Database, count: int, *, plans: bool) -> Iterator[tuple[str, int, str]]:
    """Each question with its statements, and its median and least milliseconds."""
    for name, work in questions(count).items():
        session().rollback()
        spent = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            with database.counted() as words:
                work()
            spent.append(1000 * (time.perf_counter() - began))
            session().rollback()
        yield name, len(words), f"{median(spent):.1f} ms ({min(spent):.1f})"
        if plans:
            print(name, *_plans(database, work), sep="\n  ")


def _plans(database: Database, work: Work) -> list[str]:
    seen: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        seen.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    work()
    event.remove(database.engine, "before_cursor_execute", note)
    session().rollback()
    word = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
    with database.engine.connect() as connection:
        return [
            str(tuple(row)) for statement, parameters in seen if statement.lstrip("( ").startswith(("SELECT", "WITH"))
            for row in connection.exec_driver_sql(f"{word} {statement}", parameters)]


def main() -> None:
    """Measure on both databases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--plans", action="store_true")
    arguments = parser.parse_args()
    rows: dict[str, list[str]] = {}
    with ExitStack() as stack:
        server = stack.enter_context(running_server())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for url in (f"sqlite:///{folder / 'ci.db'}", server.create_database().render_as_string(hide_password=False)):
            with opened(url) as database:
                fill(arguments.runs)
                with database.engine.begin() as connection:
                    tables = "test, ci_run, ci_analysis, ci_cluster, ci_step"
                    connection.exec_driver_sql("ANALYZE" if database.is_sqlite else f"ANALYZE TABLE {tables}")
                for name, statements, spent in measure(database, arguments.runs, plans=arguments.plans):
                    rows.setdefault(name, [str(statements)]).append(spent)
    print("| question | statements | SQLite | MariaDB |\n|---|---|---|---|")
    for name, cells in rows.items():
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
