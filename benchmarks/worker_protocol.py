"""Taking workers' reports: one run of 300 tests, and ten at once, none lost: `python -m benchmarks.worker_protocol`."""
from __future__ import annotations

import argparse
import asyncio
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from api.storage.tables.results import VerdictRow
from benchmarks.posting import path_of, send, whole_run
from benchmarks.recording import record_posts
from benchmarks.rounds import interleaved, ratios, spread
from benchmarks.seeding import NO_LIMITS, SUITE, seed_suite
from benchmarks.servers import LOAD_CORE, OURS, running

HEALTH = "/maintenance-mode/linux"
BARE, OURS_ALONE, OURS_UPLOADS, OURS_TEN = (
    "bare Starlette, one worker", "one worker", "one worker, every output uploaded", "ten workers at once")


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {LOAD_CORE})
    cpu: dict[str, list[float]] = {}
    candidates: dict[str, Callable[[], float]] = {
        BARE: partial(bare_seconds, cpu), OURS_ALONE: partial(seconds, cpu, OURS_ALONE, runs=1),
        OURS_UPLOADS: partial(seconds, cpu, OURS_UPLOADS, runs=1, uploads=True), OURS_TEN: partial(seconds, cpu, OURS_TEN, runs=10)}
    figures = interleaved(candidates, arguments.rounds)
    slower = ratios(figures, BARE)
    print(f"A run: {SUITE} tests, {2 * SUITE} posts and 3 of progress; SQLite, one server process.")
    print("| | seconds | least … greatest | posts/s | CPU ms/post | ratio per post |")
    print("| --- | --- | --- | --- | --- | --- |")
    for label, values in figures.items():
        posts = (2 * SUITE + 3) * (10 if label == OURS_TEN else 1)
        runs = 10 if label == OURS_TEN else 1
        print(
            f"| {label} | {median(values):.2f} | {spread(values)} | {posts / median(values):.0f} "
            f"| {median(cpu[label]) * 1000:.2f} | {runs / slower[label]:.2f} |")


def seconds(cpu: dict[str, list[float]], label: str, *, runs: int, uploads: bool = False) -> float:
    """How long fresh runs on a fresh server take; SystemExit when a report is lost."""
    with tempfile.TemporaryDirectory() as name:
        environment, ids, tests = seed_suite(Path(name), runs)
        with running(OURS, HEALTH, environment) as server:
            before = server.cpu_seconds
            started = time.perf_counter()

            async def together() -> None:
                posts = whole_run(tests, uploads=uploads)
                await asyncio.gather(*(send(server.port, path_of(*run), posts) for run in ids))

            asyncio.run(together())
            took = time.perf_counter() - started
            cpu.setdefault(label, []).append((server.cpu_seconds - before) / (2 * SUITE + 3) / runs)
        check(Path(name), [run_id for run_id, _ in ids], uploads=uploads)
        return took


def check(folder: Path, run_ids: list[int], *, uploads: bool) -> None:
    """See in the database, and in the file store, that everything arrived once."""
    connection = sqlite3.connect(folder / "ci.db")
    for run_id in run_ids:
        for table in ("test_result", "test_result_file"):
            [count] = connection.execute(f"SELECT count(*) FROM {table} WHERE test_id = ?", (run_id,)).fetchone()
            if count != SUITE:
                raise SystemExit(f"run {run_id}: {count} of {SUITE} rows in {table}")
        status, judged = connection.execute(
            f"SELECT status, (SELECT count(*) FROM {VerdictRow.__tablename__} v WHERE v.run_id = r.run_id) "
            "FROM ci_run r WHERE run_id = ?", (run_id,)).fetchone()
        if (status, judged) != ("fail" if uploads else "pass", SUITE):
            raise SystemExit(f"run {run_id}: is {status} with {judged} verdicts")
    stored = len(list((folder / "files" / "TestResults").iterdir()))
    if uploads and stored != SUITE:
        raise SystemExit(f"{stored} of {SUITE} files are stored")
    connection.close()


def bare_seconds(cpu: dict[str, list[float]]) -> float:
    """How long the bare program takes for the same posts, with the same statements on the same rows."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment, [(run_id, token)], tests = seed_suite(folder, 1)
        posts = whole_run(tests)
        recording = record_posts(environment, folder, path_of(run_id, token), posts)
        command = (sys.executable, "-m", "benchmarks.bare_worker", str(recording))
        with running(command, HEALTH, NO_LIMITS) as server:
            before = server.cpu_seconds
            started = time.perf_counter()
            asyncio.run(send(server.port, path_of(run_id, token), posts))
            took = time.perf_counter() - started
            cpu.setdefault(BARE, []).append((server.cpu_seconds - before) / len(posts))
        check(folder / "bare", [run_id], uploads=False)
        return took


if __name__ == "__main__":
    main()
