"""What lists cost on a database of ten thousand runs against one of 250, and how long it takes to adopt such a database.

    python -m benchmarks.lists [--runs 250 10000] [--rounds 15] [--fastest] [--folder FOLDER]
                               [--mysql mysql+pymysql://root@127.0.0.1:3306]

Each list and filter is asked of both servers in turn, its first page and its last. Databases that are in FOLDER, or on the
MariaDB server that is named, from an earlier call are used again.
"""
from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from flask import Flask
from sqlalchemy import create_engine, inspect, make_url

from api.background.sweeper import Sweeper
from api.domain.auth.access import Role
from api.server import make_server
from api.storage import schema
from api.storage.database import attach, db
from benchmarks.population import END, kind_of, populate
from contract.client import ValidatingClient
from tests.builders import add_token, add_user
from tests.handlers.site import Clock, settings_for

LIMIT_MS, CEILING_MS, RATIO = 10, 25, 1.5
SAMPLE = 30


@dataclass(frozen=True)
class List:
    """A list, narrowed or not."""

    path: str
    query: dict[str, Any]

    def __str__(self) -> str:
        return self.path + "".join(f" {name}={value}" for name, value in self.query.items())


MAIN = {"repository": "CCExtractor/ccextractor"}
DATES = ({"created_after": "2026-01-01T00:00:00Z"}, {"created_before": "2026-08-01T00:00:00Z"})
LISTS: Mapping[str, Sequence[dict[str, Any]]] = {
    "/runs": (
        *({"sort": sort} for sort in ("created_at", "-created_at", "started_at", "-started_at", "run_id", "-run_id")),
        *({"status": status} for status in ("queued", "running", "pass", "fail", "canceled", "error", "incomplete")),
        {"status": "fail", "sort": "started_at"}, MAIN, {"branch": "master"}, {"platform": "linux"}, {"pull_request": 1010},
        {"commit_sha": "0" * 40}, *DATES, {**MAIN, "branch": "master"},
        {**MAIN, "branch": "master", "platform": "linux", "status": "fail"}),
    f"/samples/{SAMPLE}/history": (
        {}, {"status": "fail"}, {"result_status": "fail"}, {"regression_id": SAMPLE}, {"branch": "master"}, {"platform": "linux"}, *DATES),
    "/runs/{run}/samples": ({}, {"status": "fail"}, {"name": "hd"}, {"tag": "hd"}, {"category": "DVB"}),
    "/runs/{run}/errors": ({}, {"type": "missing_output"}, {"severity": "warning"}, {"sample_id": SAMPLE}),
    "/runs/{run}/error-summary": tuple({"group_by": name} for name in ("type", "sample_id", "regression_id", "category", "severity")),
    "/runs/{run}/infrastructure-errors": ({}, {"type": "worker"}),
    "/runs/{run}/progress": ({}, {"status": "testing"}),
    "/samples": ({}, {"name": "hd"}, {"tag": "hd"}, {"extension": "ts"}, {"status": "active"}, {"sha256": "0" * 64}),
    "/regression-tests": ({}, {"active": "true"}, {"category": "DVB"}, {"tag": "hd"}, {"sample_id": SAMPLE}),
    "/system/queue": ({}, {"platform": "linux"}, {"status": "queued"}),
    "/branches": ({}, {"name": "mas"}, {"active": "true"}, MAIN),
    "/environments": ({}, {"platform": "linux"}),
}


def lists(runs: int) -> Iterator[List]:
    """Every list and each of its filters; a run's own lists are those of a finished run."""
    failed = next(number for number in range(runs - 40, 0, -1) if kind_of(number, runs) == "done")
    for path, queries in LISTS.items():
        for query in queries:
            yield List(path.format(run=failed), query)


@dataclass(frozen=True)
class Asked:
    """A server and a client of it."""

    runs: int
    client: ValidatingClient

    def ask(self, each: List, offset: int) -> tuple[float, int]:
        """How many milliseconds a page takes, and how long the list is."""
        query = {**each.query, **({"offset": offset} if offset else {})}
        started = time.perf_counter()
        answer = self.client._http.get(f"/api/v1{each.path}", params=query, headers=self.client._headers)
        took = (time.perf_counter() - started) * 1000
        assert answer.status_code == 200, (str(each), answer.text[:300])
        return took, answer.json()["pagination"]["total"]


def measure(sides: Sequence[Asked], rounds: int, middle: Callable[[Sequence[float]], float]) -> Iterator[str]:
    """The rows of the table."""
    for each in zip(*(list(lists(side.runs)) for side in sides), strict=True):
        totals = [side.ask(one, 0)[1] for side, one in zip(sides, each, strict=True)]
        last = [max(0, (total - 1) // 50 * 50) for total in totals]
        times: list[list[float]] = [[], [], [], []]
        for _ in range(rounds):
            for number, (side, one) in enumerate(zip(sides, each, strict=True)):
                times[number].append(side.ask(one, 0)[0])
                times[number + 2].append(side.ask(one, last[number])[0])
        few, many, few_last, many_last = (middle(row) for row in times)
        kept = all(b <= max(LIMIT_MS, RATIO * a) and b <= CEILING_MS for a, b in ((few, many), (few_last, many_last)))
        yield (
            f"| {each[0]} | {totals[1]:,} | {few:.1f} ms | {many:.1f} ms | {many / few:.2f} | {few_last:.1f} ms | {many_last:.1f} ms | "
            f"{many_last / few_last:.2f} | {'yes' if kept else 'NO'} |")


def adopt(url: str, runs: int) -> None:
    """Make the database of that many runs, as its platform leaves it, and adopt it; nothing where that was done before."""
    app = Flask("benchmark")
    attach(app, url, pool_size=4)
    with app.app_context():
        is_new = "test" not in inspect(db.engine).get_table_names()
        schema.migrate(db.engine)
        if is_new:
            populate(db.engine, runs)
        started = time.perf_counter()
    Sweeper(app, lambda: END).sweep()
    if is_new:
        print(f"\nAdopted {runs:,} runs in {time.perf_counter() - started:.0f} s.\n", flush=True)


def serve(folder: Path, url: str, runs: int) -> Asked:
    """A server on that database, and a client with an account of its own."""
    app = make_server(settings_for(folder, folder / "unused", database_url=url), clock=Clock(END))
    with app.flask.app_context():
        token = add_token(add_user(f"reader {time.time_ns()}", role=Role.ADMIN), now=END)
    client = ValidatingClient(app, token=token)
    client.__enter__()
    return Asked(runs, client)


def urls(arguments: argparse.Namespace, folder: Path) -> list[str]:
    """Where the databases are."""
    if not arguments.mysql:
        return [f"sqlite:///{folder}/{runs}.db" for runs in arguments.runs]
    server = make_url(arguments.mysql)
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for runs in arguments.runs:
            connection.exec_driver_sql(f"CREATE DATABASE IF NOT EXISTS ci_lists_{runs} CHARACTER SET utf8mb4")
    return [server.set(database=f"ci_lists_{runs}").render_as_string(hide_password=False) for runs in arguments.runs]


def main() -> None:
    """Fill, adopt, measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, nargs=2, default=[250, 10_000])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--fastest", action="store_true", help="the fastest answer, not the median: for a machine that is not quiet")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--mysql")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    places = urls(arguments, folder)
    for url, runs in zip(places, arguments.runs, strict=True):
        adopt(url, runs)
    sides = [serve(folder, url, runs) for url, runs in zip(places, arguments.runs, strict=True)]
    few, many = (f"{runs:,} runs" for runs in arguments.runs)
    print(f"| list | items | {few} | {many} | ratio | last page, {few} | {many} | ratio | kept |\n|---|---|---|---|---|---|---|---|---|")
    for row in measure(sides, arguments.rounds, min if arguments.fastest else median):
        print(row, flush=True)


if __name__ == "__main__":
    main()
