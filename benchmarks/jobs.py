"""What submitting a job costs beside its upload, and how soon it is taken, prints and is over.

    python -m benchmarks.jobs [--rounds 30] [--jobs 30]

Needs root and bubblewrap, as a machine does that gives each slot a user of its own.
"""
from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles

import httpx

from api.commands.machines import issue
from api.domain.auth.access import Role
from api.domain.runs.machine import WorkKind
from api.domain.runs.run import Platform
from benchmarks.rounds import interleaved, spread
from benchmarks.seeding import database_in
from benchmarks.servers import COMPILED, OURS, ROOT, running
from ci_client.client import follow
from tests.builders import add_token, add_user

SIZES = {"100 KB": 100_000, "1 MB": 1_000_000, "20 MB": 20_000_000}
MACHINE = (sys.executable, "-m", "api.cli", "machine")
PROGRAM = "print('here', flush=True)"


def project(size: int) -> bytes:
    """A zip of a program, filled up to about so many bytes that no compression makes fewer."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as target:
        target.writestr("job.py", PROGRAM)
        target.writestr("filling", os.urandom(size))
    return content.getvalue()


@dataclass(frozen=True)
class Submitter:
    """Posts projects over one connection."""

    client: httpx.Client

    def __call__(self, content: bytes) -> tuple[str, float]:
        """Post a project; the job's id, and the milliseconds until the answer."""
        started = time.perf_counter()
        answer = self.client.post("/submit-async", files={"file": ("project.zip", content, "application/zip")})
        took = (time.perf_counter() - started) * 1000
        if answer.status_code != 200:
            raise SystemExit(answer.text)
        return str(answer.json()["job_id"]), took


@contextmanager
def submitting(port: int, token: str = "none") -> Iterator[Submitter]:
    """Something that posts to this port."""
    with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=60) as client:
        yield Submitter(client)


@contextmanager
def machine(environment: dict[str, str], port: int, folder: Path) -> Iterator[None]:
    """A machine that has come to work."""
    log, token = folder / "machine.log", folder / "machine.token"
    token.write_text(issue("benchmark", Platform.LINUX, [WorkKind.JOB]))
    command = (*MACHINE, "--server", f"http://127.0.0.1:{port}", "--token-file", str(token))
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **COMPILED, **environment}, stdout=output, stderr=output)
    try:
        while b" slots" not in log.read_bytes():
            if process.poll() is not None:
                raise SystemExit(log.read_text())
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(60)


def submissions(ours: Submitter, bare: Submitter, rounds: int) -> None:
    """Print what a submission takes beside a bare upload of the same bytes."""
    print(f"| submission, median of {rounds} (least … greatest), ms | ours | bare upload, kept durably | beyond the upload |")
    print("|---|---|---|---|")
    for name, size in SIZES.items():
        content = project(size)
        found = interleaved({"ours": lambda content=content: ours(content)[1], "bare": lambda content=content: bare(content)[1]}, rounds)
        beyond = median(found["ours"]) - median(found["bare"])
        shown = (f"{median(found[each]):.1f} ({spread(found[each])})" for each in ("ours", "bare"))
        print(f"| {name} | {' | '.join(shown)} | **{beyond:.1f}**, goal < 20 |")


def pickups(ours: Submitter, server: str, token: str, count: int) -> None:
    """Print how soon jobs are taken, print their line, and are over, one after the other."""
    figures: dict[str, list[float]] = {"taken": [], "its line at a watcher": [], "over": []}
    content = project(1000)
    for _ in range(count):
        job_id, _ = ours(content)
        submitted, first = time.perf_counter(), None
        for event in follow(job_id, server, True, token=token):
            if first is None and event["type"] == "log" and "here" in event["data"]:
                first = time.perf_counter()
        ended = time.perf_counter()
        if first is None:
            raise SystemExit("The line never came.")
        job = ours.client.get(f"/jobs/{job_id}").json()
        waited = datetime.fromisoformat(job["start_time"]) - datetime.fromisoformat(job["created_at"])
        figures["taken"].append(waited.total_seconds() * 1000)
        figures["its line at a watcher"].append((first - submitted) * 1000)
        figures["over"].append((ended - submitted) * 1000)
    print(f"\n| {count} jobs, one after the other, ms from the submission | median | 95th percentile |\n|---|---|---|")
    for name, values in figures.items():
        print(f"| {name} | {median(values):.0f} | {quantiles(values, n=20)[-1]:.0f} |")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--jobs", type=int, default=30)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ci-benchmarks-") as name, database_in(Path(name)) as environment:
        folder = Path(name)
        token = add_token(add_user("submitter", role=Role.ADMIN), now=datetime.now(UTC))
        environment |= {
            "CI_JOBS": "separate", "CI_WORK_DIR": str(folder / "work"), "CI_SANDBOX": "bubblewrap", "CI_JOB_COMMAND": "python job.py",
            "CI_QUEUED_JOBS_PER_USER": "100000"}
        (folder / "bare").mkdir()
        bare_command = (sys.executable, "-m", "benchmarks.bare_upload", str(folder / "bare"))
        with running(OURS, "/api/v1/system/health", environment) as server, submitting(server.port, token) as ours:
            with running(bare_command, "/health", {}) as other, submitting(other.port) as bare:
                submissions(ours, bare, arguments.rounds)
            for job in ours.client.get("/jobs", params={"status": "queued"}).json():
                ours.client.delete(f"/jobs/{job['job_id']}")
            with machine(environment, server.port, folder):
                pickups(ours, f"http://127.0.0.1:{server.port}", token, arguments.jobs)


if __name__ == "__main__":
    main()
