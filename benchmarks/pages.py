"""What the pages for people cost at ten thousand runs, one with 300 failures and half a million lines: processor time and bytes.

    python -m benchmarks.pages [--runs 10000] [--tests 300] [--rounds 15] [--folder FOLDER] [--mariadb]

Each page is asked of a server process that was just started, and has looked at its own pages; processor time is that process's. The
database is SQLite's, a copy of that in FOLDER from an earlier call, or one of a MariaDB server that this program starts. Ends with 1
where a page takes longer, or is larger, than it may.
"""
from __future__ import annotations

import argparse
import http.client
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from unittest.mock import patch
from urllib.parse import urlencode

from sqlalchemy import update

from api.domain.auth.access import Role
from api.domain.jobs.job import JobStatus
from api.services.results.analysing import Analyst
from api.storage.database import change, transact
from api.storage.tables.runs import RunRow
from benchmarks import population
from benchmarks.lists import adopt
from benchmarks.reading import failing_run
from benchmarks.reads import wait_until_idle
from benchmarks.servers import OURS, Server, running
from tests.handlers.site import PASSWORD, Site, build_site
from tests.mariadb import running_server
from tests.submitted_jobs import add_job, write_log

LIMIT_MS, LIMIT_BYTES = 50, 150_000
FAILING, LINES, ANALYSIS_SECONDS = 300, 500_000, 600
LINE = b"[2026-08-01 12:00:00] [INFO] [build] processed object %d in unit src/lib_ccx/file.c\n"
PENDING = b"The causes are still being found."
NEEDLE = b"[2026-08-01 12:00:01] [ERROR] [build] NEEDLE\n"


def write_half_a_million_lines(path: Path) -> bytes:
    """A log whose last line has a word that no other has."""
    content = b"".join(LINE % number for number in range(LINES - 1)) + NEEDLE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return content


def pages(site: Site, runs: int) -> Mapping[str, str]:
    """The addresses of all pages, by what they show."""
    red, tests = failing_run(site, FAILING, FAILING)
    log = write_half_a_million_lines(site.files / "LogFiles" / f"{red}.txt")
    job = add_job(site.account(Role.ADMIN), JobStatus.COMPLETED)
    write_log(site.files, job, log)
    pull_request = 1000 + runs // 8
    return {
        "front page": "/", "runs": "/runs", "runs, as a grid": "/runs?view=grid", "runs that failed": "/runs?status=fail",
        "runs of a branch on a platform": "/runs?branch=master&platform=linux&status=fail",
        "pull request": f"/pull-requests/{pull_request}",
        "run of 300 failures, by cause": f"/runs/{red}", "by category": f"/runs/{red}?by=category", "all its tests": f"/runs/{red}?by=test",
        "test in a run": f"/runs/{red}/tests/{tests[0].regression_id}", "log of 500,000 lines": f"/runs/{red}/log",
        "its last lines": f"/runs/{red}/log?line={LINES}", "a word on its last line": f"/runs/{red}/log?q=needle",
        "sample": "/samples/30", "regression test with its past": "/regression-tests/30", "review": "/review", "jobs": "/view/jobs",
        "job": f"/view/jobs/{job}", "job, its last lines": f"/view/jobs/{job}?line={LINES}", "login": "/login"}


@dataclass(frozen=True)
class Filled:
    """A filled database with the server's files, and the addresses of its pages."""

    settings: Mapping[str, str]
    shown: Mapping[str, str]

    @contextmanager
    def served(self) -> Iterator[Server]:
        """A process that was just started, and has nothing left to do."""
        with running(OURS, "/livez", self.settings) as server:
            wait_until_idle(server)
            yield server


def fill(site: Site, runs: int) -> Filled:
    """Fill the database of this server; those of the failing run's line alone wait to be analysed, by whoever serves it."""
    with patch.object(Analyst, "analyse_next", lambda _: None), site.client, site.app.flask.app_context():
        site.account(Role.ADMIN)
        shown = pages(site, runs)
        transact(lambda: change(update(RunRow).where(RunRow.run_id <= runs).values(analysis_due=None)))
    return Filled({
        "CI_DATABASE_URL": site.settings.database_url, "SAMPLE_REPOSITORY": str(site.files), "CI_WORK_DIR": str(site.settings.work_dir),
        "CI_PUBLIC_URL": site.settings.public_url, "CI_JOBS": "separate", "CI_SYNC_INTERVAL": "100000"}, shown)


def wait_for_causes(server: Server, path: str, cookie: str) -> None:
    """Return once the causes of a run are known."""
    deadline = time.monotonic() + ANALYSIS_SECONDS
    while PENDING in answer_of(server, path, cookie)[1]:
        if time.monotonic() > deadline:
            raise RuntimeError("The causes were not found in time.")
        time.sleep(1)


def answer_of(server: Server, path: str, cookie: str = "", form: Mapping[str, str] | None = None) -> tuple[http.client.HTTPResponse, bytes]:
    """What a server answers, and the page."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
    connection.request("GET" if form is None else "POST", path, None if form is None else urlencode(form), headers)
    answer = connection.getresponse()
    page = answer.read()
    connection.close()
    if answer.status not in (200, 303):
        raise RuntimeError(f"{path} answers {answer.status}")
    return answer, page


def milliseconds(server: Server, path: str, cookie: str) -> tuple[float, int]:
    """The processor time of a request, and how many bytes the page has."""
    before = server.cpu_seconds
    _, page = answer_of(server, path, cookie)
    return (server.cpu_seconds - before) * 1000, len(page)


def measure(filled: Filled, rounds: int) -> bool:
    """Print the table; whether all pages are as quick and as small as they should be."""
    with filled.served() as server:
        # Somebody who may see everything.
        begun, _ = answer_of(server, "/login", form={"email": f"{Role.ADMIN.value}@example.test", "password": PASSWORD})
        cookie = str(begun.getheader("set-cookie")).partition(";")[0]
        wait_for_causes(server, filled.shown["run of 300 failures, by cause"], cookie)
    print("| page | first time | then | bytes | kept |\n|---|---|---|---|---|")
    all_kept = True
    for name, path in filled.shown.items():
        with filled.served() as server:
            first, size = milliseconds(server, path, cookie)
            then = median(milliseconds(server, path, cookie)[0] for _ in range(rounds))
        kept = max(first, then) < LIMIT_MS and size < LIMIT_BYTES
        all_kept = all_kept and kept
        print(f"| {name} | {first:.0f} ms | {then:.0f} ms | {size:,} | {'yes' if kept else 'NO'} |", flush=True)
    return all_kept


@contextmanager
def database(arguments: argparse.Namespace, folder: Path) -> Iterator[str]:
    """The URL of an adopted database of so many runs, which may be changed."""
    if arguments.mariadb:
        with running_server() as mariadb:
            url = mariadb.create_database().render_as_string(hide_password=False)
            adopt(url, arguments.runs)
            yield url
        return
    kept = (arguments.folder or folder) / f"{arguments.runs}.db"
    kept.parent.mkdir(parents=True, exist_ok=True)
    adopt(f"sqlite:///{kept}", arguments.runs)
    # A copy of the file would lack what is in its log.
    with closing(sqlite3.connect(kept)) as source, closing(sqlite3.connect(folder / "ci.db")) as copy:
        source.backup(copy)
    yield f"sqlite:///{folder / 'ci.db'}"


def main() -> None:
    """Fill, adopt, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--tests", type=int, default=population.TESTS, help="tests of each of these runs")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--mariadb", action="store_true")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with patch.multiple(population, TESTS=arguments.tests):
            url = stack.enter_context(database(arguments, folder))
        if not measure(fill(build_site(folder, folder / "ci.db", database_url=url), arguments.runs), arguments.rounds):
            raise SystemExit(1)


if __name__ == "__main__":
    main()
