"""What simple reads cost on MariaDB, beside another checkout of this project: processor time, statements and bytes for each request.

    python -m benchmarks.reads [--beside CHECKOUT] [--runs 300] [--rounds 7]

Each checkout fills a database of its own with the same runs, adopts it by its own code, and is served by one process, which is left
alone until it has analysed them. The servers are asked by turns. Statements are those that MariaDB counts, with what begins and ends
transactions.
"""
from __future__ import annotations

import argparse
import http.client
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from sqlalchemy import create_engine, text

from benchmarks.rounds import interleaved
from benchmarks.servers import OURS, ROOT, Server, running
from tests.mariadb import Server as MariaDB
from tests.mariadb import running_server

REQUESTS = 60
READS = {
    "regression tests, 50": "/regression-tests?limit=50", "samples, 50": "/samples?limit=50",
    "one sample of a run": "/runs/{run}/samples/30", "100 samples of a run": "/runs/{run}/samples?limit=100",
    "artifacts of a run": "/runs/{run}/artifacts", "errors of a run": "/runs/{run}/errors",
    "its error summary": "/runs/{run}/error-summary", "a run": "/runs/{run}", "its summary": "/runs/{run}/summary",
    "its JUnit report": "/runs/{run}/junit.xml", "runs, 50": "/runs?limit=50", "triage": "/runs/{run}/triage",
    "compare": "/runs/{run}/compare", "history of a sample": "/samples/30/history"}
# Run by each checkout's own code.
PREPARE = """
import sys
from datetime import UTC, datetime
from flask import Flask
from api.background.sweeper import Sweeper
from api.domain.auth.access import Role
from api.storage import schema
from api.storage.database import attach, db
from benchmarks.population import kind_of, populate
from tests.builders import add_token, add_user
url, runs = sys.argv[1], int(sys.argv[2])
app = Flask("benchmark")
attach(app, url, pool_size=4)
with app.app_context():
    schema.migrate(db.engine)
    populate(db.engine, runs)
    Sweeper(app, lambda: datetime.now(UTC)).sweep()
    red = next(number for number in range(runs - 10, 0, -1) if kind_of(number, runs) == "done")
    print(red, add_token(add_user("reader", role=Role.ADMIN), now=datetime.now(UTC)))
"""


@dataclass(frozen=True)
class Side:
    """A checkout's server, a red run of its database, and a connection to it."""

    server: Server
    run_id: str
    token: str
    connection: http.client.HTTPConnection

    def milliseconds(self, path: str) -> float:
        """The processor time of a request, of many in a row."""
        # The server may have closed it while the other one was asked.
        self.connection.close()
        before = self.server.cpu_seconds
        for _ in range(REQUESTS):
            self.size(path)
        return (self.server.cpu_seconds - before) / REQUESTS * 1000

    def size(self, path: str) -> int:
        """How many bytes the answer has."""
        self.connection.request("GET", "/api/v1" + path.format(run=self.run_id), headers={"Authorization": f"Bearer {self.token}"})
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path} answers {answer.status}: {body[:200]!r}")
        return len(body)


@contextmanager
def served(checkout: Path, mariadb: MariaDB, runs: int, folder: Path) -> Iterator[Side]:
    """A checkout's server on a database that it has filled and adopted."""
    url = mariadb.create_database().render_as_string(hide_password=False)
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    prepared = subprocess.run(
        [sys.executable, "-c", PREPARE, url, str(runs)], cwd=checkout, env=environment, check=True, capture_output=True, text=True)
    run_id, token = prepared.stdout.split()[-2:]
    settings = {
        "PYTHONPATH": str(checkout), "CI_DATABASE_URL": url, "SAMPLE_REPOSITORY": str(folder / "files"), "CI_SYNC_INTERVAL": "100000",
        "CI_RATE_READS": "100000000", "CI_JOBS": "off", "CI_WORK_DIR": str(folder / "work")}
    with running(OURS, "/livez", settings, token=token, folder=checkout) as server:
        wait_until_idle(server)
        yield Side(server, run_id, token, http.client.HTTPConnection("127.0.0.1", server.port))


def wait_until_idle(server: Server) -> None:
    """Return once a server has used no more than a hundredth of a processor for three seconds."""
    used = None
    while used is None or server.cpu_seconds - used > 0.03:
        used = server.cpu_seconds
        time.sleep(3)


def statements(mariadb: MariaDB, side: Side, path: str) -> float:
    """How many statements MariaDB counts for a request, after those that came before it."""
    engine = create_engine(mariadb.url)
    with engine.connect() as connection:
        def count() -> int:
            return int(connection.execute(text("SHOW GLOBAL STATUS LIKE 'Questions'")).one()[1])

        side.size(path)
        own, before = 1, count()
        for _ in range(10):
            side.size(path)
        return (count() - before - own) / 10


def report(sides: Mapping[str, Side], mariadb: MariaDB, rounds: int) -> Iterator[str]:
    """The rows of the table."""
    names = list(sides)
    yield "| read |" + "".join(f" {name}: ms, statements, bytes |" for name in names) + (" times cheaper |" if len(names) > 1 else "")
    yield "| --- |" + " --- |" * (len(names) + (len(names) > 1))
    for label, path in READS.items():
        told = {name: (statements(mariadb, side, path), side.size(path)) for name, side in sides.items()}
        figures = interleaved({name: partial(side.milliseconds, path) for name, side in sides.items()}, rounds)
        cells = "".join(f" {median(figures[name]):.2f}, {told[name][0]:.0f}, {told[name][1]:,} |" for name in names)
        yield f"| {label} |{cells}" + (f" {_cheaper(figures[names[0]], figures[names[1]]):.1f} |" if len(names) > 1 else "")


def _cheaper(before: Sequence[float], now: Sequence[float]) -> float:
    return median(one / max(other, 0.01) for one, other in zip(before, now, strict=True))


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--beside", type=Path, help="another checkout of this project")
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    checkouts = ({"before": arguments.beside} if arguments.beside else {}) | {"now": ROOT}
    with tempfile.TemporaryDirectory() as name, running_server() as mariadb, ExitStack() as stack:
        sides = {
            label: stack.enter_context(served(checkout.resolve(), mariadb, arguments.runs, Path(name) / label))
            for label, checkout in checkouts.items()}
        for row in report(sides, mariadb, arguments.rounds):
            print(row, flush=True)


if __name__ == "__main__":
    main()
