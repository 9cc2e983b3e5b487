"""The command `ci` against the server and a machine, as they are installed."""
from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from api.sandbox.linux.cgroups import ROOT
from api.storage.auth.passwords import hash_password
from tests.builders import add_user
from tests.ci_client.projects import make_project
from tests.databases import opened
from tests.e2e.installation import Installation
from tests.e2e.processes import TIMEOUT, environment, eventually, finished, started
from tests.parts import lacking, need

CI = (sys.executable, "-m", "ci_client.command")
PASSING = {"test_sums.py": "def test_two_and_two():\n    assert 2 + 2 == 4\n"}
FAILING = {"test_sums.py": "def test_two_and_two():\n    assert 2 + 2 == 5\n"}
# Prints numbered lines for a while.
LINES = 300
CHATTY = {
    "test_lines.py": f"""import os, time

def test_lines():
    for number in range({LINES}):
        os.write(2, f"line {{number}} of many\\n".encode())
        time.sleep(0.02)
"""}


@pytest.fixture(scope="module")
def installation(sqlite_template: Path) -> Iterator[Installation]:
    """An installation with a machine that runs jobs in a sandbox."""
    need("bwrap")
    if os.geteuid():
        lacking("only root can give each slot a user of its own")
    # A path that a socket's name can hold.
    folder = Path(tempfile.mkdtemp(prefix="ci-client-"))
    group = f"ci-client-{os.getpid()}"
    made = Installation(
        folder, f"sqlite:///{shutil.copy(sqlite_template, folder / 'ci.db')}",
        changes={
            "CI_SANDBOX": "bubblewrap", "CI_CGROUP": group, "CI_WORK_DIR": str(folder / "work"), "CI_JOB_DISK": str(32 << 20),
            "CI_JOB_COMMAND": "python -m pytest -v -s", "CI_JOBS": "separate"})
    made.fill()
    with made.server(), made.worker("machine", changes={"CI_WORK_DIR": str(folder / "work")}) as machine:
        eventually(lambda: " slots" in machine.output() or machine.process.poll() is not None, "the machine's start")
        assert machine.process.poll() is None, machine.output()
        yield made
    for left in (*ROOT.glob(f"*/{group}"), *ROOT.glob(group)):
        for inner in (*left.glob("*/"), left):
            eventually(lambda inner=inner: is_removed(inner), f"the end of {inner}")  # type: ignore[misc]
    shutil.rmtree(folder, ignore_errors=True)


def is_removed(group: Path) -> bool:
    """Take a control group away, once nothing is in it any more; whether it is gone."""
    with suppress(OSError):
        group.rmdir()
    return not group.exists()


def variables(installation: Installation) -> dict[str, str]:
    """What a person exports."""
    return {"CI_SERVER": installation.url, "CI_TOKEN": installation.token}


def ci(installation: Installation, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, at its end."""
    return finished((*CI, *words), variables(installation))


def test_projects_are_submitted_watched_and_their_files_fetched(installation: Installation, tmp_path: Path) -> None:
    with installation.server():
        passed = ci(installation, "submit", str(make_project(tmp_path / "passing", PASSING)))
        failed = ci(installation, "submit", str(make_project(tmp_path / "failing", FAILING)))
        job_id = re.findall(r"Job ID: (\S+)", passed.stderr)[0]
        again = ci(installation, "wait", job_id, "--all")
        listed = ci(installation, "list", "--status", "completed")
        fetched = ci(installation, "artifacts", job_id, "--out", str(tmp_path / "out"))

    assert (passed.returncode, failed.returncode, again.returncode) == (0, 1, 0), passed.stdout + passed.stderr + failed.stdout
    assert "test_two_and_two PASSED" in passed.stdout
    assert "test_two_and_two FAILED" in failed.stdout
    assert again.stdout == passed.stdout
    assert job_id in listed.stdout
    assert fetched.returncode == 0, fetched.stderr
    assert b"<testsuite" in (tmp_path / "out/junit.xml").read_bytes()


def test_code_that_cannot_be_imported_fails_and_the_log_says_why(installation: Installation, tmp_path: Path) -> None:
    project = make_project(tmp_path / "broken", {"test_broken.py": "def test_broken(:\n    pass\n"})
    with installation.server():
        ended = ci(installation, "submit", str(project))

    assert ended.returncode == 1
    assert "SyntaxError" in ended.stdout


@pytest.mark.verify
def test_jobs_and_their_logs_outlive_the_server(installation: Installation, tmp_path: Path) -> None:
    with installation.server():
        submitted = [
            ci(installation, "submit", str(make_project(tmp_path / name, files)), "--async", "--label", "outlive").stdout
            for name, files in (("passing", PASSING), ("failing", FAILING))]
        passed, failed = (re.findall(r"Job submitted: ([a-f0-9-]{36})\n", text)[0] for text in submitted)
        statuses = [ci(installation, "wait", job_id, "--all").returncode for job_id in (passed, failed)]
        before = ci(installation, "list", "--json", "--label", "outlive")
        table = ci(installation, "list", "--label", "outlive").stdout
    with installation.server():
        after = ci(installation, "list", "--json", "--label", "outlive")
        late, whole = ci(installation, "wait", passed), ci(installation, "wait", passed, "--all")

    told = {job["job_id"]: job for job in json.loads(after.stdout)}
    assert statuses == [0, 1]
    assert after.stdout == before.stdout
    assert {job_id: (job["status"], job["success"], job["tests"]) for job_id, job in told.items()} == {
        passed: ("completed", True, 1), failed: ("completed", False, 1)}
    assert all(job["start_time"] and job["end_time"] for job in told.values())
    assert all(word in table for word in ("JOB ID", "STATUS", "START TIME", "END TIME", "SUCCESS", passed, failed, "completed", "✓", "✗"))
    assert (late.returncode, late.stdout) == (0, "Job already completed.\n")
    assert "test_two_and_two PASSED" in whole.stdout


def test_who_logs_in_submits_and_logs_out_again(installation: Installation, tmp_path: Path) -> None:
    with opened(installation.database_url, migrated=False):
        add_user("ada", email="ada@example.test", password_hash=hash_password("ten letters", platform=False))
    project, file = make_project(tmp_path / "passing", PASSING), tmp_path / "credentials.json"

    def ask(*words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        variables = environment({"CI_SERVER": installation.url, "CI_CREDENTIALS": str(file)})
        return subprocess.run((*CI, *words), env=variables, input=typed, capture_output=True, text=True, timeout=TIMEOUT, check=False)

    with installation.server():
        logged_in = ask("login", "--email", "ada@example.test", typed="ten letters\n")
        submitted, shown = ask("submit", str(project)), ask("status", "--json")
        again = ask("rerun", json.loads(shown.stdout)["job_id"])
        logged_out, refused = ask("logout"), ask("list")

    assert [each.returncode for each in (logged_in, submitted, again, logged_out, refused)] == [0, 0, 0, 0, 4], again.stderr
    assert logged_in.stdout.startswith(f"Logged in to {installation.url} as ada@example.test, until 20")
    assert json.loads(shown.stdout)["project"] == "passing"
    assert "test_two_and_two PASSED" in again.stdout


@pytest.mark.verify
def test_a_log_is_whole_although_the_server_was_killed_on_the_way(installation: Installation, tmp_path: Path) -> None:
    project = make_project(tmp_path / "chatty", CHATTY)
    with installation.server() as server:
        with started((*CI, "submit", str(project)), variables(installation), tmp_path / "log") as running:
            eventually(lambda: "line 20 of many\n" in running.output(), "the first lines")
            server.kill()
            with installation.server():
                status = running.ended()
                output = running.output()

    assert status == 0, output
    assert re.findall(r"line (\d+) of many\n", output) == [str(number) for number in range(LINES)]


def test_a_job_goes_on_after_an_interrupt_until_it_is_cancelled(installation: Installation, tmp_path: Path) -> None:
    forever = {"test_forever.py": "import time\n\ndef test_forever():\n    print('It begins.', flush=True)\n    time.sleep(500)\n"}
    project = make_project(tmp_path / "forever", forever)
    with installation.server():
        with started((*CI, "submit", str(project)), variables(installation), tmp_path / "log", prepare=heed_interrupts) as running:
            eventually(lambda: "It begins." in running.output(), "the job's first line")
            running.tell(signal.SIGINT)
            interrupted = running.ended()
            job_id = re.findall(r"Job ID: (\S+)", running.output())[0]
        still = ci(installation, "list", "--status", "running")
        cancelled = ci(installation, "cancel", job_id)
        waited = ci(installation, "wait", job_id)

    assert (interrupted, cancelled.returncode, waited.returncode) == (130, 0, 3)
    assert job_id in still.stdout
    assert cancelled.stdout == f"Job {job_id}: is asked to stop\n"


def heed_interrupts() -> None:
    """Undo what a shell in the background leaves to its children."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
