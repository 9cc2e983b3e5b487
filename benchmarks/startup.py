"""From the command to the first answer, and the memory after all that the other programs do: `python -m benchmarks.startup`."""
from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.load import loaded
from benchmarks.posting import path_of, send, whole_run
from benchmarks.rounds import spread
from benchmarks.seeding import seed_runs, seed_suite
from benchmarks.servers import OURS, running
from benchmarks.throughput import PATH

HEALTH = "/api/v1/system/health"


def main() -> None:
    """Measure, and print both figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=30)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        report_starts(Path(first), arguments.starts)
        report_memory(Path(second), arguments.seconds)


def report_starts(folder: Path, starts: int) -> None:
    """Start a server time and again; the processor time tells what a busy machine hides."""
    seeded = seed_runs(folder)
    seconds, cpu = [], []
    for number in range(starts + 1):
        with running(OURS, HEALTH, seeded.environment) as server:
            # The first start compiles the modules, which an installation does only once.
            if number:
                seconds.append(server.seconds_to_first_answer)
                cpu.append(server.cpu_seconds)
    print(f"first answer after {median(seconds):.2f} s ({spread(seconds)}), {median(cpu):.2f} s of processor time")


def report_memory(folder: Path, seconds: int) -> None:
    """One process that lists runs, and then takes ten runs of 300 tests at once, every output of half of them uploaded."""
    environment, ids, tests = seed_suite(folder, 10)
    token = seed_runs(folder).token
    with running(OURS, PATH, environment, token=token) as server:
        print(f"RSS {server.megabytes:.0f} MB after the first answer")
        load = loaded(f"http://127.0.0.1:{server.port}{PATH}", token, seconds)
        print(f"RSS {server.megabytes:.0f} MB after {load.requests} lists of runs")

        async def together() -> None:
            await asyncio.gather(*(
                send(server.port, path_of(*run), whole_run(tests, uploads=number % 2 == 0)) for number, run in enumerate(ids)))

        asyncio.run(together())
        print(f"RSS {server.megabytes:.0f} MB after ten workers' runs; never more than {server.peak_megabytes:.0f} MB")


if __name__ == "__main__":
    main()
