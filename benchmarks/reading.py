"""What reading costs: a log of 1 GB at its beginning and at its end, words in it, and the triage of a run with 45 failures.

    python -m benchmarks.reading [--rounds 15] [--log-megabytes 1000]
"""
from __future__ import annotations

import argparse
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any

from api.domain.auth.access import Role
from api.domain.runs.run import Phase
from tests.builders import (
    BuiltTest,
    Output,
    add_event,
    add_finished_run,
    add_passed_result,
    add_regression_test,
    add_result_with_output,
    add_run,
)
from tests.databases import opened
from tests.handlers.site import Client, Site, build_site

LINE = b"[2026-08-01 12:00:00] [INFO] [build] processed object in unit src/lib_ccx/file.c".ljust(99, b".") + b"\n"
NEEDLE = b"[2026-08-01 12:00:01] [ERROR] [build] NEEDLE at the end of the log\n"
TESTS, FAILING, PAST = 300, 45, 30


@dataclass(frozen=True)
class Reading:
    """A server in this process, and a client that may read everything."""

    site: Site
    client: Client

    def milliseconds(self, path: str, rounds: int, **parameters: Any) -> float:
        """The median time of a request, the first of which is not counted."""
        return median([self._timed(path, parameters) for _ in range(rounds + 1)][1:])

    def _timed(self, path: str, parameters: dict[str, Any]) -> float:
        started = time.perf_counter()
        answer = self.client.get(path, params=parameters)
        took = time.perf_counter() - started
        if answer.status_code != 200:
            raise RuntimeError(answer.text)
        return took * 1000


def write_log(path: Path, megabytes: int) -> None:
    """A log of so many megabytes, with a needle on its last line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    block = LINE * 10_000
    with path.open("wb") as file:
        for _ in range(megabytes):
            file.write(block)
        file.write(NEEDLE)


def last_page(reading: Reading, path: str) -> str:
    """A cursor for the last pages of a log: behind the line before a word that stands at its end."""
    cursor = None
    while True:
        parameters = {"contains": "NEEDLE", "limit": 1} | ({} if cursor is None else {"cursor": cursor})
        page = reading.client.get(path, params=parameters).json()
        if page["data"] or page["pagination"]["next_cursor"] is None:
            return cursor or ""
        cursor = page["pagination"]["next_cursor"]


def logs(reading: Reading, rounds: int, megabytes: int) -> None:
    """Print what pages of a big log cost."""
    run_id = add_run()
    write_log(reading.site.files / "LogFiles" / f"{run_id}.txt", megabytes)
    path = f"/api/v1/runs/{run_id}/logs"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    cursor = last_page(reading, path)
    scanned = time.perf_counter() - started
    sides: list[Callable[[], float]] = [
        lambda: reading.milliseconds(path, 1, limit=100), lambda: reading.milliseconds(path, 1, limit=100, cursor=cursor)]
    first, last = zip(*[[side() for side in sides] for _ in range(rounds)], strict=True)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print("| log | figure | goal |\n|---|---|---|")
    print(f"| a page at the end of {megabytes} MB, against the first page | {median(last):.1f} ms, {median(first):.1f} ms: "
          f"{median(last) / median(first):.2f} | ≤ 1.2 |")
    print(f"| words at the end of it | {megabytes / scanned:.0f} MB/s | ≥ 500 MB/s |")
    print(f"| memory that all this took | {grown:.0f} MB | flat |")


def store(site: Site, text: bytes) -> str:
    """Put an output into the store; its hash."""
    digest = sha256(text).hexdigest()
    folder = site.files / "TestResults"
    folder.mkdir(exist_ok=True)
    (folder / f"{digest}.srt").write_bytes(text)
    return digest


def captions(test: int, shift: int) -> bytes:
    """About 50 KB of captions, whose times are moved."""
    return b"\n".join(b"%d\n00:00:%02d,%03d --> 00:00:%02d,900\ntest %d" % (n, n % 60, shift, n % 60, test) for n in range(1, 1200))


def failing_run(site: Site, count: int, failing: int) -> tuple[int, list[BuiltTest]]:
    """A run of so many tests of which the first so many fail, behind 30 runs in which all passed."""
    tests = [add_regression_test(outputs=[Output(baseline=store(site, captions(number, 0)))]) for number in range(count)]
    for _ in range(PAST):
        add_finished_run(*tests)
    run_id = add_run()
    add_event(run_id, Phase.TESTING)
    for number, test in enumerate(tests):
        if number < failing:
            expected = store(site, captions(number, 0))
            add_result_with_output(run_id, test, got=store(site, captions(number, 40)), expected=expected)
        else:
            add_passed_result(run_id, test)
    add_event(run_id, Phase.COMPLETED)
    return run_id, tests


def triage(reading: Reading, rounds: int) -> None:
    """Print what it costs to see what failed, and why."""
    run_id, _ = failing_run(reading.site, TESTS, FAILING)
    path = f"/api/v1/runs/{run_id}"
    answer = reading.client.get(f"{path}/triage")
    sample_id = answer.json()["failures"][0]["sample_id"]
    times = {
        "triage": reading.milliseconds(f"{path}/triage", rounds), "compare": reading.milliseconds(f"{path}/compare", rounds),
        "history": reading.milliseconds(f"/api/v1/samples/{sample_id}/history", rounds)}
    print(f"\n| a run of {TESTS} tests, {FAILING} failing | figure | goal |\n|---|---|---|")
    print(f"| triage, one request | {times['triage']:.0f} ms, {len(answer.content)} bytes | < 150 ms, ≤ 32 KiB |")
    print(f"| compare | {times['compare']:.0f} ms | < 50 ms |")
    print(f"| history of a failing test's sample | {times['history']:.0f} ms | < 50 ms |")


def main() -> None:
    """Measure, and print two tables; every answer is also held against the document, which is not free."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--log-megabytes", type=int, default=1000)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    with opened(f"sqlite:///{folder / 'ci.db'}"):
        pass
    site = build_site(folder, folder / "ci.db")
    with site.client, site.app.flask.app_context():
        reading = Reading(site, site.as_role(Role.ADMIN))
        logs(reading, arguments.rounds, arguments.log_megabytes)
        triage(reading, arguments.rounds)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
