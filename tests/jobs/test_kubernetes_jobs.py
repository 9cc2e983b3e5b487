"""Jobs as a machine has a cluster run them: from a project's submission to its verdict."""
from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.commands.machines import issue
from api.config import Settings
from api.domain.jobs.job import JobReason
from api.domain.runs.machine import WorkKind
from api.domain.runs.run import Platform
from tests.databases import Database
from tests.e2e.processes import CI_API, eventually, started
from tests.faults.cluster import Cluster, Host, is_contiguous, supervisor_of
from tests.sandbox.attempts import end_all_at_once, guard_of
from tests.sandbox.kubernetes.api_server import ApiServer
from tests.sandbox.machine_sandboxes import CLAIM, CLUSTER_IMAGE

PROJECT = """
import pathlib, socket

def test_good():
    pathlib.Path("artifacts").mkdir()
    pathlib.Path("artifacts/left.txt").write_text("left")

def test_bad():
    assert 1 == 2

def test_there_is_no_network():
    try:
        socket.create_connection(("127.0.0.1", {port}), 3)
    except OSError:
        return
    raise AssertionError("the cluster's server was reached")

def test_nothing_else_is_writable():
    for place in ("/", "/usr", "/etc", "/opt/ci/bin"):
        try:
            (pathlib.Path(place) / "mine").touch()
        except OSError:
            continue
        raise AssertionError(place)
"""


@pytest.fixture
def host(cluster: ApiServer, sqlite_database: Database, tmp_path: Path) -> Iterator[Host]:
    (tmp_path / "kit").mkdir()
    site = Cluster(sqlite_database, tmp_path, tmp_path / "kit")
    with site.server():
        yield site.host()
        site.clear()


def chosen(cluster: ApiServer, folder: Path) -> dict[str, str]:
    """The settings of a machine with the cluster, and the default command."""
    return {
        "CI_SANDBOX": "kubernetes", "CI_KUBERNETES_CLAIM": CLAIM, "CI_KUBERNETES_CONFIG": cluster.write_config(folder / "config"),
        "CI_CONTAINER_IMAGE": CLUSTER_IMAGE, "CI_JOB_DISK": str(256 << 20), "CI_JOB_COMMAND": Settings().job_command}


def test_a_project_is_run_to_its_verdict_with_failing_tests_and_artifacts(host: Host, cluster: ApiServer, tmp_path: Path) -> None:
    with host.agent(**chosen(cluster, tmp_path)):
        job_id = host.cluster.submit(**{"test_a.py": PROJECT.format(port=cluster.port)})
        job = host.cluster.over(job_id)
    [attempt] = host.cluster.files.attempts(job_id)
    log = host.cluster.log(attempt)

    kept = json.loads(attempt.manifest.read_bytes())

    assert (job.success, job.reason, job.exit_code) == (False, JobReason.EXIT_CODE, 1)
    assert (job.tests, job.failed_tests) == (4, 1), log
    assert "test_a.py::test_bad FAILED" in log
    assert "artifacts/left.txt" in {each["name"] for each in kept["artifacts"]}
    eventually(lambda: not cluster.cluster.jobs, "the end of all Jobs")


@pytest.mark.verify
def test_a_job_that_takes_too_long_meets_its_time_limit(host: Host, cluster: ApiServer, tmp_path: Path) -> None:
    with host.agent(**chosen(cluster, tmp_path), CI_JOB_TIMEOUT="15"):
        job_id = host.cluster.submit(**{"test_a.py": "import time\ndef test_a():\n    time.sleep(600)\n"})
        job = host.cluster.over(job_id)

    assert (job.success, job.reason) == (False, JobReason.TIMEOUT)


@pytest.mark.verify
def test_an_evicted_job_is_repeated_where_it_may_be(host: Host, cluster: ApiServer, tmp_path: Path) -> None:
    with host.agent(**{**chosen(cluster, tmp_path), "CI_JOB_COMMAND": "sh job.sh"}):
        job_id = host.cluster.submit(max_attempts=2, **{"job.sh": "python3 job.py"})
        first = host.cluster.attempt(job_id)
        [pod] = [name for name, each in cluster.cluster.pods.items() if job_id in name]
        cluster.cluster.report(pod, {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."})
        second = host.cluster.attempt(job_id, 2)
        host.release(second)
        job = host.cluster.over(job_id)

    assert (job.success, job.attempt) == (True, 2)
    assert is_contiguous(host.cluster.log(first))
    assert is_contiguous(host.cluster.log(second))


@pytest.mark.verify
def test_a_job_goes_on_when_all_of_its_machine_has_ended_and_is_followed_by_the_next(
    host: Host, cluster: ApiServer, tmp_path: Path,
) -> None:
    settings, before = {**chosen(cluster, tmp_path), "CI_JOB_COMMAND": "sh job.sh"}, len(cluster.cluster.made)
    with host.agent(**settings) as agent:
        job_id = host.cluster.submit(**{"job.sh": "python3 job.py"})
        attempt = host.cluster.attempt(job_id)
        end_all_at_once(agent.pid, supervisor_of(attempt), guard_of(host.folder / "work/sandboxes", job_id))
    with host.agent(**settings):
        eventually(attempt.is_supervised, "another supervisor")
        seen = host.cluster.log(attempt)
        eventually(lambda: len(host.cluster.log(attempt)) > len(seen), "further lines")
        host.release(attempt)
        job = host.cluster.over(job_id)
        eventually(lambda: not cluster.cluster.jobs, "the end of all Jobs")

    log = host.cluster.log(attempt)
    assert (job.success, job.attempt) == (True, 1)
    assert log.startswith("Running tests...\n0\n1\n") and log.endswith("told to go on\n")
    assert is_contiguous(log)
    assert len([pod for pod in cluster.cluster.made[before:] if job_id in pod["metadata"]["name"]]) == 1


@pytest.mark.verify
def test_what_a_machine_that_died_left_in_the_cluster_is_taken_away(host: Host, cluster: ApiServer, tmp_path: Path) -> None:
    settings = {**chosen(cluster, tmp_path), "CI_JOB_COMMAND": "sh job.sh"}
    with host.agent(**settings) as agent:
        job_id = host.cluster.submit(**{"job.sh": "python3 job.py"})
        attempt = host.cluster.attempt(job_id)
        os.kill(agent.pid, signal.SIGKILL)
        os.kill(supervisor_of(attempt), signal.SIGKILL)
    with host.agent(**settings):
        job = host.cluster.over(job_id)
        eventually(lambda: not cluster.cluster.jobs, "the end of all Jobs")

    assert (job.success, job.reason) == (False, JobReason.LOST)


def test_a_machine_for_runs_does_not_start_with_a_cluster(host: Host, cluster: ApiServer, tmp_path: Path) -> None:
    (host.folder / "runs-token").write_text(issue("for-runs", Platform.LINUX, [WorkKind.RUN]))
    command = (*CI_API, "machine", "--server", host.cluster.url, "--token-file", str(host.folder / "runs-token"))
    with started(command, {**host.variables, **chosen(cluster, tmp_path)}, tmp_path / "log") as running:
        eventually(lambda: running.process.poll() is not None, "the machine's end")

    assert "CI_SANDBOX=kubernetes executes jobs alone" in running.output()
