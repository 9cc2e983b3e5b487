"""What the parameter `fields` saves a list of runs: bytes of an item, and processor time of a page of 50, by turns in this process.

    python -m benchmarks.row_members [--rounds 40] [--requests 50]
"""
from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from statistics import median
from unittest.mock import patch

from api.config import Settings
from api.server import make_server
from benchmarks.measuring import processor_seconds
from benchmarks.seeding import RUNS, seed_runs
from contract.client import ValidatingClient

# All members that say something of the run itself, and the least that a list of runs can be asked for.
WITHOUT_LINKS = (
    "branch,commit_short,pull_request,run_errors,triggered_by,queued_at,started_at,completed_at,duration_ms,source_run_id,replaced_by,"
    "environment_id,reason,parent_sha,merge_base_sha")
CHOICES = {"whole": "", "without links": f"&fields={WITHOUT_LINKS}", "what is always there": "&fields=run_id"}


def main() -> None:
    """Measure by turns, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--requests", type=int, default=50)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        seeded = seed_runs(Path(name))
        with patch.dict(os.environ, {**seeded.environment, "CI_SYNC_INTERVAL": "86400", "CI_JOBS": "separate"}):
            app = make_server(Settings.from_environment(os.environ))
        with ValidatingClient(app, token=seeded.token) as client:
            sizes = {
                label: len(client.get(f"/api/v1/runs?limit={RUNS}{query}").content) / RUNS for label, query in CHOICES.items()}
            taken: dict[str, list[float]] = {label: [] for label in CHOICES}
            for _ in range(arguments.rounds):
                for label, query in CHOICES.items():
                    seconds = processor_seconds(app, seeded.token, arguments.requests, f"limit={RUNS}{query}")
                    taken[label].append(seconds / arguments.requests * 1e6)
    print("| a page of 50 runs | bytes a run | processor time, median (least) |\n|---|---|---|")
    for label, values in taken.items():
        print(f"| {label} | {sizes[label]:.0f} | {median(values):.0f} µs ({min(values):.0f}) |")


if __name__ == "__main__":
    main()
