"""Throughput of `GET /runs`, both validations on, beside a bare program: `python -m benchmarks.throughput`."""
from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.load import loaded
from benchmarks.recording import record
from benchmarks.rounds import interleaved, ratios, spread
from benchmarks.seeding import RUNS, Seeded, seed_runs
from benchmarks.servers import OURS, Server, running

PATH = f"/api/v1/runs?limit={RUNS}"
BARE, COMPILED, PLAIN, OFF = (
    "bare Starlette", "both validations, compiled", "both validations, plain jsonschema", "validation of answers off")
ENGINES = {COMPILED: "compiled", OFF: "off", PLAIN: "plain"}
# Between two rounds a server's own background work must not fall on another's measurement.
QUIET = {"CI_SWEEP_INTERVAL": "100000"}


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--engines", nargs="*", default=list(ENGINES.values()), choices=list(ENGINES.values()))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        seeded = seed_runs(folder)
        count = record(seeded, PATH, folder / "recording.json")
        print(f"GET {PATH}: {count} statements, BEGIN and ROLLBACK among them")
        servers = {BARE: stack.enter_context(running(
            (sys.executable, "-m", "benchmarks.bare", str(folder / "recording.json")), PATH, {}))}
        for label, engine in ENGINES.items():
            if engine in arguments.engines:
                environment = {**seeded.environment, **QUIET, "CI_VALIDATION_ENGINE": engine}
                servers[label] = stack.enter_context(running(OURS, PATH, environment, token=seeded.token))
        report(servers, seeded, arguments.rounds, arguments.seconds)


def report(servers: dict[str, Server], seeded: Seeded, rounds: int, seconds: int) -> None:
    """Load the servers by turns and print requests per second, processor time per request, and memory."""
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
    faster, cheaper = ratios(rates, BARE), ratios(costs, BARE)
    print("| server | req/s | least … greatest | ratio | CPU ms/request | ratio of CPU | MB after |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for label, server in servers.items():
        print(
            f"| {label} | {median(rates[label]):.0f} | {spread(rates[label])} | {faster[label]:.2f} "
            f"| {median(costs[label]) * 1000:.3f} | {1 / cheaper[label]:.2f} | {server.megabytes:.0f} |")


if __name__ == "__main__":
    main()
