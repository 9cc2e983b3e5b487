"""The server with its agent beside it is killed, or told to stop; its jobs go on, and the next start adopts them."""
from __future__ import annotations

import signal
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from api.domain.job import JobStatus
from tests.e2e.processes import CI_API, eventually, free_port, is_alive, started
from tests.faults.plant import Host, Plant, is_contiguous


def serving(host: Host, *arguments: str) -> tuple[tuple[str, ...], dict[str, str], int]:
    """The command of a server with an agent beside it, its settings, and its port."""
    port = free_port()
    return (*CI_API, "serve", "--port", str(port), *arguments), {**host.variables, "CI_JOBS": "embedded"}, port


def is_up(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/api/v1/system/health", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def agents_of(host: Host) -> list[int]:
    """The agents that live on a host."""
    found = []
    ours = f"CI_JOB_WORK={host.folder / 'work'}".encode()
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            is_ours = folder.name.isdigit() and ours in (folder / "environ").read_bytes().split(b"\0")
            if is_ours and b"agent" in (folder / "cmdline").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["told to stop", "killed"])
def test_a_job_outlives_the_server_and_its_agent(number: signal.Signals, plant: Plant, host: Host) -> None:
    command, variables, _ = serving(host)
    job_id = plant.submit()
    with started(command, variables, plant.folder / "server-1.log") as first:
        attempt = plant.attempt(job_id)
        agents = agents_of(host)
        first.tell(number)
        first.ended()
        eventually(lambda: not any(is_alive(pid) for pid in agents), "the end of the agent")
    lived = attempt.is_supervised()
    command, variables, _ = serving(host)
    with started(command, variables, plant.folder / "server-2.log") as second:
        eventually(lambda: "is adopted" in second.output(), "the adoption")
        host.let_go(attempt)
        job = plant.over(job_id)

    assert len(agents) == 1 and lived
    assert (job.status, job.success, job.attempt) == (JobStatus.COMPLETED, True, 1)
    assert is_contiguous(plant.log(attempt))


def test_a_server_of_several_processes_has_one_agent(plant: Plant, host: Host) -> None:
    command, variables, port = serving(host, "--workers", "3")
    with started(command, variables, plant.folder / "server.log"):
        eventually(lambda: is_up(port), "the server's start")
        job = plant.over(plant.submit("print('done')"))
        agents = agents_of(host)

    assert job.success
    assert len(agents) == 1
