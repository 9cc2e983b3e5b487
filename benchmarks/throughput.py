"""Throughput of `GET /runs`, both validations on, beside a bare program: `python -m benchmarks.throughput`."""
from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks import bare
from benchmarks.load import loaded
from benchmarks.recording import record
from benchmarks.rounds import interleaved, ratios, spread
from benchmarks.seeding import RUNS, Seeded, seed_runs
from benchmarks.servers import OURS, Server, running

PATH = f"/api/v1/runs?limit={RUNS}"
YARDSTICKS = {
    bare.JSON: "bare Starlette, `JSONResponse`", bare.ORJSON: "bare Starlette, orjson", bare.KEPT: "bare Starlette, bytes kept ready"}
ENGINES = {
    "compiled": "both validations, compiled", "off": "validation of answers off", "plain": "both validations, plain jsonschema"}
# Between two rounds a server's own background work must not fall on another's measurement.
QUIET = {"CI_SYNC_INTERVAL": "100000"}


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--engines", nargs="*", default=list(ENGINES), choices=list(ENGINES))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        recording = Path(name) / "recording.json"
        seeded = seed_runs(Path(name))
        count = record(seeded, PATH, recording)
        print(f"GET {PATH}: {count} statements")
        servers = {
            label: stack.enter_context(running(
                (sys.executable, "-m", "benchmarks.bare", str(recording), "--answer", way), PATH, {}))
            for way, label in YARDSTICKS.items()}
        for engine in arguments.engines:
            environment = {**seeded.environment, **QUIET, "CI_VALIDATION_ENGINE": engine}
            servers[ENGINES[engine]] = stack.enter_context(running(OURS, PATH, environment, token=seeded.token))
        report(servers, seeded, arguments.rounds, arguments.seconds)


def report(servers: Mapping[str, Server], seeded: Seeded, rounds: int, seconds: int) -> None:
    """Load the servers by turns; print requests per second, processor time per request, and ratios to each yardstick."""
    costs: dict[str, list[float]] = {label: [] for label in servers}

    def measured(label: str, server: Server) -> float:
        before = server.cpu_seconds
        load = loaded(f"http://127.0.0.1:{server.port}{PATH}", seeded.token, seconds)
        costs[label].append((server.cpu_seconds - before) / load.requests)
        return load.rate

    candidates: dict[str, Callable[[], float]] = {label: partial(measured, label, server) for label, server in servers.items()}
    interleaved(candidates, 1)
    for values in costs.values():
        values.clear()
    rates = interleaved(candidates, rounds)
    faster = [ratios(rates, label) for label in YARDSTICKS.values()]
    dearer = [ratios(costs, label) for label in YARDSTICKS.values()]
    print("| server | req/s (median) | least … greatest | CPU ms/request | req/s to JSONResponse, orjson, kept | CPU to the same | MB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for label, server in servers.items():
        print(
            f"| {label} | {median(rates[label]):.0f} | {spread(rates[label])} | {median(costs[label]) * 1000:.2f} "
            f"| {', '.join(f'{each[label]:.2f}' for each in faster)} | {', '.join(f'{1 / each[label]:.2f}' for each in dearer)} "
            f"| {server.megabytes:.0f} |")


if __name__ == "__main__":
    main()
