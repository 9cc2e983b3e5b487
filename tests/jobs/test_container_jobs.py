"""Jobs as an operator of a container engine has them run: the image by `ci-api image`, an agent as a process, the default command."""
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.config import Settings
from api.domain.jobs.job import Job
from api.jobs.project import host_image
from api.sandbox.containers.engine import Engine
from api.sandbox.containers.sandbox import ContainerEngine
from api.sandbox.sandbox import Sandbox
from api.storage.database import session
from api.storage.jobs.agents import list_agents
from tests.databases import Database
from tests.faults.cluster import Cluster, Host
from tests.jobs.wheels import USING_GREETING, write_greeting


@pytest.fixture
def host(container: Sandbox, sqlite_database: Database, tmp_path: Path) -> Iterator[Host]:
    (tmp_path / "kit").mkdir()
    cluster = Cluster(sqlite_database, tmp_path, tmp_path / "kit")
    with cluster.server():
        yield cluster.host()
        cluster.clear()


def chosen(container: Sandbox) -> dict[str, str]:
    """The settings of an agent with the engine and its image, and the default command."""
    assert isinstance(container, ContainerEngine)
    return {
        "CI_SANDBOX": "container", "CI_CONTAINER_SOCKET": container.socket, "CI_CONTAINER_IMAGE": container.image,
        "CI_JOB_COMMAND": Settings().job_command}


def run(host: Host, container: Sandbox, files: dict[str, str], **variables: str) -> tuple[Job, str, dict[str, Any]]:
    """Submit a project to an agent with the container engine; the job, its log and what it left."""
    with host.agent(**{**chosen(container), **variables}):
        job_id = host.cluster.submit(**files)
        job = host.cluster.over(job_id)
    attempt = host.cluster.files.attempts(job_id)[-1]
    return job, host.cluster.log(attempt), json.loads(attempt.manifest.read_bytes())


def test_a_project_is_tested_by_a_pytest_of_its_own_and_its_report_is_read(host: Host, container: Sandbox) -> None:
    job, log, left = run(host, container, {"test_a.py": "def test_good(): pass\ndef test_better(): pass\n"})

    assert job.success, log
    assert "test_a.py::test_good PASSED" in log
    assert (left["junit"]["tests"], left["junit"]["failures"]) == (2, 0)


@pytest.mark.verify
def test_what_a_project_needs_is_installed_from_the_wheelhouse(host: Host, container: Sandbox, tmp_path: Path) -> None:
    write_greeting(tmp_path / "wheels")
    files = {"requirements.txt": "greeting\n", "test_a.py": USING_GREETING}

    job, log, left = run(host, container, files, CI_JOB_WHEELHOUSE=str(tmp_path / "wheels"))

    assert job.success, log
    assert log.index("+ greeting==1.0") < log.index("Running tests...")
    assert left["junit"]["tests"] == 1


@pytest.mark.verify
def test_an_agent_whose_image_has_no_python_says_so_and_takes_no_jobs(
    host: Host, container: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(host_image, "PACKAGES", ("dash",))
    monkeypatch.setattr(host_image, "_python_packages", lambda: [])
    monkeypatch.setattr(host_image, "installer_program", lambda: None)
    host_image.write_host_image(tmp_path / "bare.tar")
    settings = {**chosen(container), "CI_CONTAINER_IMAGE": "ci-bare:tests"}
    Engine(settings["CI_CONTAINER_SOCKET"]).import_image(tmp_path / "bare.tar", "ci-bare:tests")

    def trouble() -> str | None:
        session().rollback()
        return next((record.trouble for record in list_agents()), None)

    with host.agent(**settings) as agent:
        host.cluster.until(trouble, "the agent's trouble")
        job_id = host.cluster.submit(**{"test_a.py": "def test_a(): pass\n"})
        said, found = agent.output(), trouble()

    assert found == "the sandbox has no python that runs"
    assert f"no jobs are taken: {found}" in said
    # A question from before the trouble may still be answered; nothing of the job is begun all the same.
    assert not host.cluster.job(job_id).status.is_finished
    assert [attempt for attempt in host.cluster.files.attempts(job_id) if attempt.log.exists()] == []
