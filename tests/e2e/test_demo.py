"""The demo as a stranger meets it: started, pasted from, stopped, started again."""
from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from api.storage.database import session
from api.storage.platform_tables import ResultRow, TestRow
from tests.databases import opened
from tests.docs.pages import blocks_of
from tests.e2e.installation import Api
from tests.e2e.processes import CI_API, ROOT, TIMEOUT, Running, environment, eventually, finished, free_port, is_alive, started
from tests.parts import need

JOB_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ON = "Server and machine go on"
# How the demo's runs end.
ENDS = ["pass", "fail", "canceled", "fail", "fail", "fail"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's folder, of which all tests of this module make use."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def demo(folder: Path) -> Iterator[Running]:
    """A demo from nothing, whose runs are over, and which goes on."""
    command = (*CI_API, "demo", "--folder", str(folder), "--port", str(free_port()))
    with started(command, {}, folder / "demo.log") as running:
        eventually(lambda: ON in running.output() or running.process.poll() is not None, "the demo's story")
        yield running


def test_the_demo_runs_all_commits_and_says_where_to_look(demo: Running) -> None:
    story = demo.output()

    assert re.findall(r"^  (\w+): of ", story, re.MULTILINE) == ENDS
    assert re.search(r"^Token +spci_[A-Za-z0-9_-]{43}$", story, re.MULTILINE)
    assert re.search(r"^Pages +http://127\.0\.0\.1:\d+/$", story, re.MULTILINE)
    assert re.search(r"^Swagger UI +http://127\.0\.0\.1:\d+/api/v1/ui$", story, re.MULTILINE)
    assert len(re.findall(r"^  curl ", story, re.MULTILINE)) == 3


def test_the_regression_has_failures_a_missing_output_and_a_crash(demo: Running, folder: Path) -> None:
    story = re.search(r"fail: of (\d+) regression tests (\d+) passed, (\d+) failed, (\d+) without output", demo.output())

    with opened(f"sqlite:///{folder / 'ci.db'}", migrated=False):
        codes = session().execute(select(ResultRow.exit_code).where(ResultRow.test_id == 2)).scalars().all()

    assert story is not None
    total, passed, failed, missing = map(int, story.groups())
    assert failed >= 2
    assert missing >= 1
    assert total == passed + failed + missing
    assert any(code is not None and (code < 0 or code >= 128) for code in codes)


def test_a_project_is_tested_in_a_sandbox_and_its_mistake_is_shown(demo: Running) -> None:
    need("bwrap")

    story = demo.output().partition("\nJob ")[2]

    assert "FAILED tests/test_captions.py::test_a_shift_keeps_how_long_a_cue_is_shown" in story
    assert "1 failed, 28 passed" in story
    assert "completed: exit code 1, success false" in story
    assert re.search(r"^Live page +http://127\.0\.0\.1:\d+/jobs/[0-9a-f-]{36}/view$", story, re.MULTILINE)


def test_the_printed_client_follows_the_job_from_its_beginning(demo: Running) -> None:
    need("bwrap")
    line = eventually(lambda: re.search(r"^  \.venv/bin/ci (wait .*)$", demo.output(), re.MULTILINE), "the client's line")
    token = api_of(demo).token or ""

    waited = finished((sys.executable, "-m", "ci_client.command", *line[1].split()), {"CI_TOKEN": token})

    assert waited.returncode == 1
    assert "Running tests" in waited.stdout
    assert "1 failed, 28 passed" in waited.stdout


def test_a_demo_that_goes_on_is_well(demo: Running) -> None:
    need("bwrap")

    assert api_of(demo).get("/system/health")["status"] == "ok"


def test_there_is_something_of_every_kind_to_be_seen(demo: Running) -> None:
    api = api_of(demo)

    approvals, troubles = api.get("/baseline-approvals")["data"], api.get("/runs/3/infrastructure-errors")["data"]
    artifacts = api.get("/runs/2/artifacts", params={"limit": 100})["data"]

    assert {each["status"] for each in approvals} == {"pending_review", "rejected", "approved"}
    assert [each["type"] for each in troubles] == ["build"]
    # Some machines give core dumps to a program of their own.
    assert {each["artifact_id"] for each in artifacts if each["storage_status"] == "missing"} <= {"2-coredump"}
    assert {each["type"] for each in artifacts} == {
        "build_log", "binary", "sample_output", "expected_output", "diff", "media_info"}


def test_each_printed_curl_line_works_when_it_is_pasted(demo: Running) -> None:
    bash, _ = need("bash"), need("curl")
    lines = [line.strip() for line in demo.output().splitlines() if line.startswith("  curl ")]

    pasted = [
        subprocess.run([bash, "-c", line], env=environment({}), capture_output=True, text=True, check=True, timeout=60)
        for line in lines]
    triage, difference, triggered = (json.loads(each.stdout) for each in pasted)

    assert triage["status"] == "fail"
    assert difference["status"] == "different"
    assert api_of(demo).ended(triggered["run_id"])["status"] == "fail"


def test_the_readmes_tour_works_however_often_it_is_pasted(demo: Running) -> None:
    lines, _, _ = tour_of(demo, Path())
    eventually(lambda: api_of(demo).get("/runs/4/triage")["analysis"]["state"] == "ready", "the causes of the pull request's run")

    first = pasted(lines)
    # Names of tokens are told apart by the second that they were made in.
    time.sleep(1)
    again = pasted(lines)

    assert first == again
    triage, difference = map(json.loads, first[1:])
    assert triage["failures"][0]["first_difference"]["output_id"] == difference["output_id"]
    assert {each["regression_id"] for each in triage["failures"]}.isdisjoint({2, 4, 9})
    assert [fact["words"] for fact in difference["cues"]["facts"]] == ["every cue ends 40 ms earlier"]


def test_the_readmes_tour_of_a_job_works_when_it_is_pasted(demo: Running, folder: Path) -> None:
    need("bwrap")
    _, submitting, following = tour_of(demo, folder)

    followed = pasted(submitting)[-1]
    job, event = re.search(r'"job_id": "([0-9a-f-]{36})"', followed), re.search(r"^id: (\S+)$", followed, re.MULTILINE)
    assert job is not None and event is not None
    rest, artifacts, _, refused = pasted([submitting[0], *follow(following, job[1], event[1])])[2:]

    assert '"type": "complete", "success": false' in rest
    assert json.loads(artifacts)["junit"]["tests"] == 29
    assert set(json.loads(refused)["details"]["fields"]) == {"commit_sha", "platform"}


@pytest.mark.verify
def test_the_page_about_jobs_works_when_it_is_pasted(demo: Running, folder: Path) -> None:
    need("bwrap")
    shown, program = (block.text for block in blocks_of("docs/jobs.md")[:2])
    # Names of tokens hold the second of their making, and the tour's own tokens may be of this one.
    login = tour_of(demo, folder)[1][0].replace('"jobs-', '"page-')
    project, token = folder / "project", pasted([login, "echo $TOKEN"])[-1].strip()
    server, _, submit, *later = re.findall(r"^\$ (.*)$", shown.replace("https://ci.example.org", address_of(demo)), re.MULTILINE)
    # Who has a token of the tour need not log in, which asks a person for a password.
    ci = [f"cd {project}", f'ci() {{ {sys.executable} -m ci_client.command "$@"; }}', f"{server}; export CI_TOKEN={token}"]

    submitted = pasted([*ci, f"exec 2>&1; {submit}"])[-1]
    job = submitted.split()[2]
    waited, fetched, stood, listed, again, cancelled = pasted([*ci, *(JOB_ID.sub(job, line) for line in later)])[3:]
    written = program.replace("path/to/project", str(project)).replace("https://ci.example.org", address_of(demo))
    streamed = finished((sys.executable, "-c", written), {"CI_TOKEN": token})

    told = [line for line in shown.splitlines() if line.startswith(("Job ID", "You can"))]
    assert JOB_ID.sub("", submitted).splitlines()[:2] == [JOB_ID.sub("", line) for line in told]
    assert "Running tests..." in submitted and "Running tests..." in waited
    assert job in stood and "1 failed, 28 passed" in again
    assert (project / f"ci-artifacts-{job}" / "junit.xml").is_file(), fetched
    assert listed == "No jobs found.\n"
    assert cancelled == f"Job {job}: completed\n"
    assert "1 failed" in streamed.stdout, streamed.stderr


def test_its_swagger_ui_is_where_it_says(demo: Running) -> None:
    page = api_of(demo).ask("GET", "/api/v1/ui")

    assert page.status_code == 200
    assert "<!doctype html>" in page.text.lower()


def test_no_secret_is_in_the_logs_of_server_and_machine(demo: Running, folder: Path) -> None:
    with opened(f"sqlite:///{folder / 'ci.db'}", migrated=False):
        secrets = list(session().execute(select(TestRow.token)).scalars())
    secrets += [api_of(demo).token or "", (folder / "machine.token").read_text()]

    written = "".join((folder / name).read_text() for name in ("server.log", "machine.log"))

    assert len(secrets) >= 5
    assert all(len(secret) > 40 for secret in secrets)
    assert "/machine-api/v1/claims/{claim}/results" in written
    assert [secret for secret in secrets if secret in written] == []


def test_a_port_that_is_taken_is_said_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = finished((*CI_API, "demo", "--once", "--folder", str(tmp_path / "demo"), "--port", str(port)), {})

    assert refused.returncode == 1
    assert refused.stderr == "ci-api: Something listens on this port already; choose another with --port.\n"
    assert not (tmp_path / "demo").exists()


def test_ctrl_c_stops_the_server_and_the_machine(demo: Running) -> None:
    family = demo.family()

    demo.tell(signal.SIGINT)
    status = demo.ended()

    assert status == 0
    assert demo.output().endswith("\nStopped.\n")
    assert len(family) >= 3
    eventually(lambda: not any(is_alive(pid) for pid in family), "the end of all of them")


@pytest.mark.verify
def test_a_second_demo_goes_on_with_the_same_folder(demo: Running, folder: Path) -> None:
    if demo.process.poll() is None:
        demo.tell(signal.SIGINT)
        demo.ended()

    again = finished((*CI_API, "demo", "--once", "--folder", str(folder), "--port", str(free_port())), {})

    with opened(f"sqlite:///{folder / 'ci.db'}", migrated=False):
        branches = session().execute(select(TestRow.branch).order_by(TestRow.id)).scalars().all()
    assert (again.returncode, again.stderr) == (0, "")
    assert branches[-len(ENDS):] == branches[:len(ENDS)]
    assert re.findall(r"^  (\w+): of ", again.stdout, re.MULTILINE) == ENDS


def tour_of(running: Running, folder: Path) -> tuple[list[str], list[str], list[str]]:
    """The lines that the README's tour has one paste, for this demo: looking at runs, submitting a job, going on with it."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## A tour\n")[2].partition("\n## ")[0]
    here = text.replace("http://127.0.0.1:8000", address_of(running)).replace("instance/demo", str(folder))
    lines = re.findall(r"^\$ (.*(?:\n    .*)*)", here, re.MULTILINE)
    jobs, going_on = (next(number for number, line in enumerate(lines) if mark in line) for mark in ('"jobs-', "JOB="))
    return lines[1:jobs], lines[jobs:going_on], lines[going_on:]


def follow(lines: list[str], job_id: str, event_id: str) -> list[str]:
    """The same lines for another job, behind another event."""
    return [re.sub(r"^JOB=.*", f"JOB={job_id}", re.sub(r"Last-Event-ID: [^']+", f"Last-Event-ID: {event_id}", line)) for line in lines]


def pasted(lines: list[str]) -> list[str]:
    """What one shell says to each of these lines."""
    bash, _ = need("bash"), need("curl")
    script = "".join(f"{line}\nprintf '\\036'\n" for line in lines)
    told = subprocess.run(
        [bash, "-s"], input=script, env=environment({}), capture_output=True, text=True, check=True, timeout=TIMEOUT)
    return told.stdout.split("\036")[:-1]


def address_of(running: Running) -> str:
    """Where a demo answers."""
    address = re.search(r"(http://127\.0\.0\.1:\d+)/api/v1/ui", running.output())
    assert address is not None
    return address[1]


def api_of(running: Running) -> Api:
    """The API of a demo, with the token that it printed."""
    token = re.search(r"^Token +(\S+)$", running.output(), re.MULTILINE)
    assert token is not None
    return Api(address_of(running), token[1])
