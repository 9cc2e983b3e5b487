"""The server with the machine that it starts is killed, or told to stop; its jobs go on, and the next start adopts them."""
from __future__ import annotations

import io
import os
import signal
import socket
import zipfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from api.domain.jobs.job import JobStatus
from api.storage.database import session
from tests.builders import add_token, add_user
from tests.e2e.processes import CI_API, eventually, free_port, is_alive, started
from tests.faults.cluster import Cluster, Host, is_contiguous, supervisor_of
from tests.jobs.agent.agents import lease_of


def serving(host: Host, *arguments: str) -> tuple[tuple[str, ...], dict[str, str], int]:
    """The command of a server that starts a machine, its settings, and its port."""
    port = free_port()
    variables = {**host.cluster.server_variables, **host.variables, "CI_JOBS": "embedded"}
    return (*CI_API, "serve", "--port", str(port), *arguments), variables, port


def is_up(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/api/v1/system/health", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def agents_of(host: Host) -> list[int]:
    """The machines' processes that live on a host. A child that one has just forked has its command line too, and is none."""
    found: dict[int, int] = {}
    ours = f"CI_WORK_DIR={host.folder / 'work'}".encode()
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            is_ours = folder.name.isdigit() and ours in (folder / "environ").read_bytes().split(b"\0")
            if is_ours and b"machine" in (folder / "cmdline").read_bytes().split(b"\0"):
                # After the name, which is in brackets: the state, and the parent.
                found[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    return [pid for pid, parent in found.items() if parent not in found]


@pytest.mark.parametrize("number", [pytest.param(signal.SIGTERM, marks=pytest.mark.verify), signal.SIGKILL], ids=["told to stop", "killed"])
def test_a_job_outlives_the_server_and_its_agent(number: signal.Signals, idle_cluster: Cluster, host: Host) -> None:
    cluster = idle_cluster
    command, variables, _ = serving(host)
    job_id = cluster.submit()
    with started(command, variables, cluster.folder / "server-1.log") as first:
        attempt = cluster.attempt(job_id)
        agents = agents_of(host)
        first.tell(number)
        first.ended()
        eventually(lambda: not any(is_alive(pid) for pid in agents), "the end of the agent")
    lived = attempt.is_supervised()
    command, variables, _ = serving(host)
    with started(command, variables, cluster.folder / "server-2.log") as second:
        eventually(lambda: "was adopted" in second.output(), "the adoption")
        host.release(attempt)
        job = cluster.over(job_id)

    assert len(agents) == 1 and lived
    assert (job.status, job.success, job.attempt) == (JobStatus.COMPLETED, True, 1)
    assert is_contiguous(cluster.log(attempt))


@pytest.mark.verify
def test_a_server_that_is_told_to_stop_leaves_its_jobs_time_until_its_next_start(idle_cluster: Cluster, host: Host) -> None:
    cluster = idle_cluster
    command, variables, _ = serving(host)
    job_id = cluster.submit()
    with started(command, variables, cluster.folder / "server.log") as server:
        attempt = cluster.attempt(job_id)
        machines = agents_of(host)
        server.tell(signal.SIGTERM)
        server.ended()
        eventually(lambda: not any(is_alive(pid) for pid in machines), "the end of the machine")

    lease = attempt.lease_until()
    assert lease is not None and lease > datetime.now(UTC) + timedelta(minutes=5)
    assert lease_of(job_id) > datetime.now(UTC) + timedelta(minutes=5)
    assert attempt.is_supervised()


@pytest.mark.verify
def test_a_stop_that_is_told_to_all_of_our_processes_at_once_loses_nothing(idle_cluster: Cluster, host: Host) -> None:
    cluster = idle_cluster
    command, variables, _ = serving(host)
    job_id, waiting = cluster.submit(), cluster.submit("print('done')")
    with started(command, {**variables, "CI_JOB_SLOTS": "1"}, cluster.folder / "server-1.log") as first:
        attempt = cluster.attempt(job_id)
        for pid in {*first.family(), *agents_of(host), supervisor_of(attempt)}:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        first.ended()
    command, variables, _ = serving(host)
    with started(command, variables, cluster.folder / "server-2.log"):
        host.release(attempt)
        ended = [cluster.over(job_id), cluster.over(waiting)]

    assert [(job.status, job.success, job.attempt) for job in ended] == [(JobStatus.COMPLETED, True, 1)] * 2
    assert is_contiguous(cluster.log(attempt))


@pytest.mark.verify
def test_a_server_that_is_killed_in_the_middle_of_an_upload_leaves_no_job_and_takes_the_project_again(
    idle_cluster: Cluster, host: Host,
) -> None:
    cluster = idle_cluster
    token = add_token(add_user("submitter"), now=datetime.now(UTC))
    session().commit()
    begun = cluster.store / "TempFiles"
    command, variables, port = serving(host)
    with started(command, variables, cluster.folder / "server-1.log") as first, socket.socket() as client:
        eventually(lambda: is_up(port), "the server's start")
        client.connect(("127.0.0.1", port))
        client.sendall(
            f"POST /submit-async HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Length: 20000000\r\n"
            "Content-Type: multipart/form-data; boundary=cut\r\n\r\n"
            '--cut\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n\r\n'.encode() + bytes(5_000_000))
        eventually(lambda: any(each.stat().st_size > 1_000_000 for each in begun.glob("upload-*")), "the begun upload")
        first.kill()
    command, variables, port = serving(host)
    with started(command, variables, cluster.folder / "server-2.log"):
        eventually(lambda: is_up(port), "the second start")
        headers = {"Authorization": f"Bearer {token}"}
        before = httpx.get(f"http://127.0.0.1:{port}/jobs", headers=headers, trust_env=False).json()
        project = io.BytesIO()
        with zipfile.ZipFile(project, "w") as target:
            target.writestr("job.py", "print('done')")
        answer = httpx.post(
            f"http://127.0.0.1:{port}/submit-async", files={"file": project.getvalue()}, headers=headers, trust_env=False, timeout=120)
        job = cluster.over(answer.json()["job_id"])

    assert before == []
    assert (job.status, job.success) == (JobStatus.COMPLETED, True)


@pytest.mark.verify
def test_a_server_of_several_processes_has_one_agent(idle_cluster: Cluster, host: Host) -> None:
    cluster = idle_cluster
    command, variables, port = serving(host, "--workers", "3")
    with started(command, variables, cluster.folder / "server.log"):
        eventually(lambda: is_up(port), "the server's start")
        job = cluster.over(cluster.submit("print('done')"))
        agents = agents_of(host)

    assert job.success
    assert len(agents) == 1
