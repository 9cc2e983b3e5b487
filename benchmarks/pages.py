"""What the pages for people cost at ten thousand runs, one with 300 failures and half a million lines: processor time and bytes.

    python -m benchmarks.pages [--runs 10000] [--tests 300] [--rounds 15] [--folder FOLDER]

A server in this process (SQLite, files on the disk); the time holds what this program's own client takes, 2 to 3 ms. A database that
is in FOLDER from an earlier call is used again. Ends with 1 where a page takes longer, or is larger, than it may.
"""
from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from unittest.mock import patch

from api.domain.auth.access import Role
from api.domain.jobs.job import JobStatus
from api.services.results.analysing import Analyst
from benchmarks import population
from benchmarks.lists import adopt
from benchmarks.reading import failing_run
from tests.handlers.site import PASSWORD, Client, Site, build_site
from tests.submitted_jobs import add_job, write_log

LIMIT_MS, LIMIT_BYTES = 50, 150_000
FAILING, LINES, ANALYSIS_SECONDS = 300, 500_000, 600
# Within so many seconds an analysis that was begun is done.
SETTLE = 2
LINE = b"[2026-08-01 12:00:00] [INFO] [build] processed object %d in unit src/lib_ccx/file.c\n"
NEEDLE = b"[2026-08-01 12:00:01] [ERROR] [build] NEEDLE\n"
PENDING = "The causes are still being found."


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


def milliseconds(reader: Client, path: str) -> tuple[float, int]:
    """The processor time of a request, and how many bytes the page has."""
    started = time.process_time()
    answer = reader._http.get(path, headers=reader._headers)
    took = (time.process_time() - started) * 1000
    if answer.status_code != 200:
        raise RuntimeError(f"{path} answers {answer.status_code}")
    return took, len(answer.content)


def reader_of(site: Site) -> Client:
    """Somebody who has logged in, and may see everything."""
    site.account(Role.ADMIN)
    begun = site.client._http.post(
        "/login", data={"email": f"{Role.ADMIN.value}@example.test", "password": PASSWORD}, headers={"Sec-Fetch-Site": "same-origin"})
    return site.client.with_headers(Cookie=begun.headers["set-cookie"].partition(";")[0])


def wait_for_causes(reader: Client, path: str) -> None:
    """Return once the causes of a run are known."""
    deadline = time.monotonic() + ANALYSIS_SECONDS
    while PENDING in reader._http.get(path, headers=reader._headers).text:
        if time.monotonic() > deadline:
            raise RuntimeError("The causes were not found in time.")
        time.sleep(1)


def measure(site: Site, runs: int, rounds: int) -> bool:
    """Print the table; whether all pages are as quick and as small as they should be."""
    reader, shown = reader_of(site), pages(site, runs)
    wait_for_causes(reader, shown["run of 300 failures, by cause"])
    print("| page | first time | then | bytes | kept |\n|---|---|---|---|---|")
    all_kept = True
    # Ten thousand runs wait to be analysed, which is not what is measured here.
    with patch.object(Analyst, "analyse_next", lambda _: None):
        time.sleep(SETTLE)
        for name, path in shown.items():
            first, size = milliseconds(reader, path)
            then = median(milliseconds(reader, path)[0] for _ in range(rounds))
            kept = max(first, then) < LIMIT_MS and size < LIMIT_BYTES
            all_kept = all_kept and kept
            print(f"| {name} | {first:.0f} ms | {then:.0f} ms | {size:,} | {'yes' if kept else 'NO'} |", flush=True)
    return all_kept


def main() -> None:
    """Fill, adopt, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--tests", type=int, default=population.TESTS, help="tests of each of these runs")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (arguments.folder or folder).mkdir(parents=True, exist_ok=True)
        database = (arguments.folder or folder) / f"{arguments.runs}.db"
        with patch.multiple(population, TESTS=arguments.tests):
            adopt(f"sqlite:///{database}", arguments.runs)
        # The adopted database stays as it is, for the next time.
        site = build_site(folder, Path(shutil.copy(database, folder / "ci.db")))
        stack.enter_context(site.client)
        stack.enter_context(site.app.flask.app_context())
        if not measure(site, arguments.runs, arguments.rounds):
            raise SystemExit(1)


if __name__ == "__main__":
    main()
