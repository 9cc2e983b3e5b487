"""Hostile projects, sent over HTTP to a server and an agent as they are run: each is held, told of by its reason, and harms no other."""
from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

from api.domain.jobs.job import JobReason, end_message
from tests.e2e.processes import eventually
from tests.faults import hostile_projects as hostile
from tests.faults.deployment import LOG_BYTES, SLOTS, Deployment, Outcome, opened_house
from tests.jobs.project.zips import HOSTILE
from tests.parts import lacking, need
from tests.sandbox.machine_sandboxes import container

__all__ = ["container"]

COMPLETED, FAILED = "completed", "failed"
WORD = uuid4().hex
NAMES = [
    "plain.txt", "deep/er.txt", 'a"; filename=x.sh', "<img src=x onerror=alert(1)>", "..%2f..%2fetc", "\u202egpj.exe", "-rf", "x" * 250]
JOBS = {
    "a fork bomb": hostile.FORK_BOMB,
    "an endless run": hostile.ENDLESS,
    "a memory bomb": hostile.MEMORY_BOMB,
    "a disk bomb": hostile.DISK_BOMB,
    "a log bomb": hostile.LOG_BOMB,
    "a daemon": hostile.DAEMON,
    "one that kills all it can": hostile.KILL_ALL,
    "one that looks around": hostile.LOOK_AROUND,
    "one that lays out artifacts": hostile.ARTIFACTS,
    "one that makes up reports": hostile.LAUGHS,
    "one that says that it is over": hostile.FALSE_END,
}
REQUIREMENTS = {
    "an index of its own": "--index-url http://127.0.0.1:{port}/{word}/\n--extra-index-url http://127.0.0.1:{port}/{word}/\nno-such-package\n",
    "a repository": "-e git+http://127.0.0.1:{port}/{word}/x.git#egg=x\n",
    "a file of the host": "file:///etc/passwd\n--find-links http://127.0.0.1:{port}/{word}/\n",
}
# How each ends where that is not of its own choice.
ENDS = {
    "a fork bomb": (FAILED, False, JobReason.TIMEOUT),
    "an endless run": (FAILED, False, JobReason.TIMEOUT),
    "a memory bomb": (FAILED, False, JobReason.OUT_OF_MEMORY),
    "a disk bomb": (COMPLETED, False, JobReason.EXIT_CODE),
    "a log bomb": (FAILED, False, JobReason.LOG_LIMIT),
    "a daemon": (COMPLETED, True, JobReason.EXIT_CODE),
    "one that kills all it can": (COMPLETED, False, JobReason.EXIT_CODE),
    "one that looks around": (COMPLETED, True, JobReason.EXIT_CODE),
    "one that lays out artifacts": (COMPLETED, True, JobReason.EXIT_CODE),
    "one that makes up reports": (COMPLETED, True, JobReason.EXIT_CODE),
    "one that says that it is over": (COMPLETED, True, JobReason.EXIT_CODE),
    **dict.fromkeys(REQUIREMENTS, (COMPLETED, False, JobReason.EXIT_CODE)),
}
# Whichever limit so many processes reach first.
OR_ELSE = {"a fork bomb": (FAILED, False, JobReason.OUT_OF_MEMORY)}


class Trials:
    """The hostile projects, sent side by side, each followed by an honest one as soon as it is over."""

    def __init__(self, deployment: Deployment, threads: ThreadPoolExecutor) -> None:
        self.deployment = deployment
        self._targets = json.dumps({**deployment.targets(), "names": NAMES})
        self._running: dict[str, Future[tuple[Outcome, Outcome]]] = {
            name: threads.submit(self._try, files) for name, files in self._projects().items()}

    def of(self, name: str) -> Outcome:
        """How a hostile project came out."""
        return self._running[name].result()[0]

    def after(self, name: str) -> Outcome:
        """How the honest project after it came out."""
        return self._running[name].result()[1]

    def _projects(self) -> dict[str, dict[str, str]]:
        found = {
            name: {"job.py": hostile.ALL + program, "targets.json": self._targets, "word": WORD} for name, program in JOBS.items()}
        port = self.deployment.door.getsockname()[1]
        for name, text in REQUIREMENTS.items():
            found[name] = {"job.py": hostile.HONEST, "requirements.txt": text.format(port=port, word=WORD)}
        return found

    def _try(self, files: dict[str, str]) -> tuple[Outcome, Outcome]:
        return self.deployment.run(files), self.deployment.run({"job.py": hostile.HONEST})


@pytest.fixture(scope="module", params=["bubblewrap", pytest.param("container", marks=pytest.mark.verify)])
def deployment(
    request: pytest.FixtureRequest, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, runtime: Path,
) -> Iterator[Deployment]:
    """A server and an agent with each kind of sandbox."""
    need("bwrap")
    if os.geteuid():
        lacking("only root can give each slot a user of its own")
    changes = {"CI_SANDBOX": request.param}
    if request.param == "container":
        engine = request.getfixturevalue("container")
        changes |= {
            "CI_CONTAINER_SOCKET": engine.socket, "CI_CONTAINER_IMAGE": engine.image, "CI_CONTAINER_PREFIX": f"ci-{uuid4().hex[:8]}-"}
    folder = tmp_path_factory.mktemp("deployment")
    with opened_house(folder, Path(shutil.copy(sqlite_template, folder / "ci.db")), runtime, changes) as made:
        yield made


@pytest.fixture(scope="module")
def trials(deployment: Deployment) -> Iterator[Trials]:
    """All the hostile projects, on their way."""
    with ThreadPoolExecutor(len(JOBS) + len(REQUIREMENTS)) as threads:
        yield Trials(deployment, threads)


def processes_with(word: str) -> list[str]:
    """The processes of this host that have a word on their command line."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if word.encode() in (folder / "cmdline").read_bytes():
                found.append(folder.name)
    return found


@pytest.mark.parametrize("name", ENDS)
def test_it_ends_for_the_right_reason_and_the_stream_says_so(trials: Trials, name: str) -> None:
    outcome = trials.of(name)

    assert outcome.end in (ENDS[name], OR_ELSE.get(name)), outcome.log[-2000:]
    words = end_message(
        JobReason(outcome.job["reason"]), outcome.job["exit_code"], is_unproven=bool(outcome.job["success"] and not outcome.job["tests"]))
    assert outcome.closing_line == words + "\n"
    assert [event["type"] for event in outcome.events].count("complete") == 1
    assert outcome.events[-1] == {"type": "complete", "success": outcome.job["success"]}


@pytest.mark.parametrize("name", ENDS)
def test_the_next_job_is_unharmed_and_finds_nothing_of_it(trials: Trials, name: str) -> None:
    after = trials.after(name)

    assert after.end == (COMPLETED, True, JobReason.EXIT_CODE), after.log
    assert "unharmed ['job.py'] []\n" in after.log


def test_whoever_looks_around_reaches_nothing(trials: Trials, deployment: Deployment) -> None:
    log = trials.of("one that looks around").log

    assert "LOOKED" in log
    assert [line for line in log.splitlines() if line.startswith("REACHED")] == []
    assert deployment.secret not in log


def test_nobody_knocks_at_the_hosts_doors(trials: Trials, deployment: Deployment) -> None:
    for name in ENDS:
        trials.of(name)

    assert [knock for knock in deployment.knocks() if WORD.encode() in knock] == []


def test_a_daemon_does_not_outlive_its_job(trials: Trials) -> None:
    outcome = trials.of("a daemon")

    assert "left\n" in outcome.log
    assert processes_with(WORD) == []


def test_a_log_bomb_leaves_no_more_than_the_limit(trials: Trials) -> None:
    assert len(trials.of("a log bomb").log) <= LOG_BYTES + 1000


def test_a_full_workspace_is_the_jobs_own_trouble(trials: Trials) -> None:
    outcome = trials.of("a disk bomb")

    assert outcome.job["exit_code"] in (3, 137)


def test_what_it_printed_stays_whatever_it_does_to_its_output(trials: Trials) -> None:
    log = trials.of("one that says that it is over").log

    assert log.startswith("Running tests...\nfirst\n")
    assert "last, without a line end" in log
    assert log.count("alert(1)") == 100


def test_of_its_artifacts_plain_files_alone_are_kept(trials: Trials, deployment: Deployment) -> None:
    job_id = trials.of("one that lays out artifacts").job["job_id"]

    kept = {each["name"] for each in deployment.artifacts(job_id)["artifacts"]}
    answers = [deployment.artifact(job_id, f"artifacts/{name}") for name in NAMES]

    assert kept == {f"artifacts/{name}" for name in NAMES}
    assert {(answer.status_code, answer.content, answer.headers["Content-Type"]) for answer in answers} == {
        (200, b"kept", "application/octet-stream")}
    for answer in answers:
        (header,) = answer.headers.get_list("Content-Disposition")
        assert header.startswith("attachment; filename=")
        assert header.count('"') == 2


def test_a_report_is_read_as_text_and_nothing_it_declares_is_followed(trials: Trials, deployment: Deployment) -> None:
    job_id = trials.of("one that makes up reports").job["job_id"]

    answer = deployment.artifacts(job_id)

    assert (answer["junit"]["tests"], answer["junit"]["failures"], answer["junit"]["seconds"]) == (1, 1, 0)
    assert "<script>" in answer["junit"]["failed"][0]["name"]
    assert [each["kind"] for each in answer["artifacts"]].count("junit") == 1


# The image that tests make of this host has no pytest.
@pytest.mark.parametrize("deployment", ["bubblewrap"], indirect=True, scope="module")
def test_a_conftest_that_kills_what_it_can_harms_its_own_job_alone(deployment: Deployment) -> None:
    outcome = deployment.run({
        "job.py": hostile.CONFTEST_STARTER, "requirements.txt": "pytest\n", "conftest.py": hostile.CONFTEST,
        "test_x.py": "def test_x():\n    pass\n"})

    assert outcome.end == (COMPLETED, False, JobReason.EXIT_CODE)
    assert "begun" in outcome.log
    assert "not reached" not in outcome.log


def test_names_break_nothing(deployment: Deployment) -> None:
    files = {"job.py": hostile.HONEST, "-rf": "", "$(touch pwned)": "", "`reboot`.py": "", "--help": "", "%s%n{0}": "", "a'b\"c": ""}

    outcome = deployment.run(files, filename="../../../etc/\u202e$(reboot)\";x=.zip")

    assert outcome.job["success"]
    assert f"unharmed {sorted(files)} []\n" in outcome.log


@pytest.mark.parametrize("kind", HOSTILE)
def test_no_hostile_zip_is_ever_run(deployment: Deployment, kind: str) -> None:
    make, _ = HOSTILE[kind]

    answer = deployment.send(make())

    if answer.status_code == 200:
        outcome = deployment.outcome(answer.json()["job_id"])
        assert outcome.end == (FAILED, False, JobReason.ZIP_REJECTED)
        assert outcome.closing_line == end_message(JobReason.ZIP_REJECTED, None) + "\n"
        assert "Running tests" not in outcome.log
    else:
        assert (answer.status_code, answer.json()["code"]) == (422, "unprocessable")
        assert "rule" in answer.json()["details"]


def test_when_all_is_over_the_service_is_as_it_was(deployment: Deployment, trials: Trials) -> None:
    for name in ENDS:
        trials.after(name)

    eventually(lambda: not deployment.workspaces(), "the removal of all workspaces")

    assert deployment.api.health() == 200
    assert deployment.agent.process.poll() is None
    for process in (deployment.server, deployment.agent):
        assert "Traceback" not in process.output()
        assert deployment.secret not in process.output()
    # One more is for runs.
    assert len(list((deployment.work / "slots").glob("slot-*"))) == SLOTS + 1
