"""What a read of the platform's API costs beside the CI API's for the same content: processor time of a server in this process, in pairs.

    python -m benchmarks.platform_reads [--runs 120] [--rounds 9] [--requests 20] [--mysql mysql+pymysql://root@127.0.0.1:3306]

A database of the platform is filled and its runs are judged, on the MariaDB server where one is named. Each pair is asked by turns.
"""
from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from statistics import median
from time import time_ns

from flask import Flask
from sqlalchemy import create_engine, make_url, select

from api.app import Application
from api.background.sweeper import Sweeper
from api.domain.auth.access import Role
from api.server import make_server
from api.storage import schema
from api.storage.database import attach, db, session, transaction
from api.storage.platform_tables import ResultFileRow
from benchmarks.measuring import processor_seconds
from benchmarks.population import END, kind_of, populate
from benchmarks.rounds import interleaved, ratios
from tests.builders import add_token, add_user
from tests.clocks import Clock
from tests.handlers.site import settings_for

RUN, OURS, THEIRS = "/runs/{run}", "/runs/{run}/samples/{sample}", "/runs/{run}/samples/{sample}/regression-tests/{test}/outputs/{test}"
# What is asked below the CI API, and below the platform's where that is another path.
PAIRS: dict[str, tuple[str, str]] = {
    "runs, 50": ("/runs?limit=50", ""), "a run": (RUN, ""), "its summary": (f"{RUN}/summary", ""), "its progress": (f"{RUN}/progress", ""),
    "its configuration": (f"{RUN}/config", ""), "its results, 100": (f"{RUN}/samples?limit=100", ""),
    "one of its results": (OURS, "/runs/{run}/samples/{test}"), "its errors": (f"{RUN}/errors", ""),
    "its error summary": (f"{RUN}/error-summary", ""), "its infrastructure errors": (f"{RUN}/infrastructure-errors", ""),
    "its log, 100 lines": (f"{RUN}/logs?limit=100", ""), "its artifacts": (f"{RUN}/artifacts", ""),
    "a diff": (OURS + "/diff?regression_id={test}&output_id={test}", THEIRS + "/diff"),
    "samples, 50": ("/samples?limit=50", ""), "a sample": ("/samples/{sample}", ""), "its history, 50": ("/samples/{sample}/history", ""),
    "regression tests, 50": ("/regression-tests?limit=50", ""), "a regression test": ("/regression-tests/{test}", ""),
    "categories": ("/categories", ""), "tags": ("/tags", ""), "the queue": ("/system/queue", ""),
    "maintenance": ("/system/maintenance", ""), "accounts": ("/users", ""), "oneself": ("/auth/me", ""), "tokens": ("/auth/tokens", "")}


def fill(url: str, files: Path, runs: int) -> tuple[str, dict[str, int]]:
    """Make the database and the files of one failure; a token that may read all, and what fills the paths."""
    app = Flask("benchmark")
    attach(app, url, pool_size=2)
    with app.app_context():
        schema.migrate(db.engine)
        populate(db.engine, runs)
        token = add_token(add_user("reader", role=Role.ADMIN), now=END)
        red = next(number for number in range(runs - 25, 0, -1) if kind_of(number, runs) == "done")
        with transaction():
            failed = session().scalars(select(ResultFileRow).where(ResultFileRow.test_id == red, ResultFileRow.got.is_not(None))).first()
            assert failed is not None
            lines = [f"00:00:{number % 60:02},000 --> caption {number}" for number in range(2000)]
            failed.expected, failed.got = _keep(files, lines), _keep(files, [*lines[:500], "another", *lines[501:]])
            test = failed.regression_test_id
        (files / "LogFiles").mkdir()
        (files / "LogFiles" / f"{red}.txt").write_text("\n".join(f"[INFO] [build] step {number}" for number in range(10_000)))
        Sweeper(app, lambda: END).sweep()
        db.session.remove()
        db.engine.dispose()
    return token, {"run": red, "test": test, "sample": (test - 1) % 250 + 1}


def _keep(files: Path, lines: list[str]) -> str:
    content = "\n".join(lines).encode()
    name = sha256(content).hexdigest()
    (files / "TestResults").mkdir(parents=True, exist_ok=True)
    (files / "TestResults" / f"{name}.srt").write_bytes(content)
    return name


def measure(app: Application, token: str, names: dict[str, int], rounds: int, requests: int) -> Iterator[str]:
    """The rows of the table."""
    for label, (ours, theirs) in PAIRS.items():
        turns = {}
        for side, prefix, path in (("ours", "/api/v1", ours), ("theirs", "/platform/api/v1", theirs or ours)):
            whole, _, query = (prefix + path.format(**names)).partition("?")
            processor_seconds(app, token, 1, query, whole)
            turns[side] = partial(processor_seconds, app, token, requests, query, whole)
        figures = interleaved(turns, rounds)
        cells = " | ".join(f"{median(values) / requests * 1000:.2f} ms" for values in figures.values())
        yield f"| {label} | {cells} | {ratios(figures, 'ours')['theirs']:.2f} |"


def main() -> None:
    """Fill, measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--requests", type=int, default=20)
    parser.add_argument("--mysql")
    arguments = parser.parse_args()
    print("| read | CI API | platform's API | ratio |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder, url = Path(name), f"sqlite:///{name}/ci.db"
        if arguments.mysql:
            database = f"ci_platform_reads_{time_ns()}"
            with create_engine(arguments.mysql, isolation_level="AUTOCOMMIT").connect() as connection:
                connection.exec_driver_sql(f"CREATE DATABASE {database} CHARACTER SET utf8mb4")
            url = make_url(arguments.mysql).set(database=database).render_as_string(hide_password=False)
        token, names = fill(url, folder / "files", arguments.runs)
        app = make_server(settings_for(folder, folder / "unused", database_url=url), clock=Clock(END))
        for row in measure(app, token, names, arguments.rounds, arguments.requests):
            print(row, flush=True)


if __name__ == "__main__":
    main()
