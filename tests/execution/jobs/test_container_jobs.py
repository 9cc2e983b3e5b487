"""Jobs as an operator of a container engine has them run: the image by `ci-api image`, an agent as a process, the default command."""
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.config import Settings
from api.domain.job import Job
from api.execution.jobs.container import ContainerEngine
from api.execution.jobs.sandbox import Sandbox
from tests.databases import Database
from tests.execution.jobs.wheels import USING_GREETING, write_greeting
from tests.faults.plant import Host, Plant


@pytest.fixture
def host(container: Sandbox, sqlite_database: Database, tmp_path: Path) -> Iterator[Host]:
    (tmp_path / "kit").mkdir()
    plant = Plant(sqlite_database, tmp_path, tmp_path / "kit")
    yield plant.host()
    plant.clear()


def run(host: Host, container: Sandbox, files: dict[str, str], **variables: str) -> tuple[Job, str, dict[str, Any]]:
    """Submit a project to an agent with the container engine; the job, its log and what it left."""
    assert isinstance(container, ContainerEngine)
    chosen = {
        "CI_SANDBOX": "container", "CI_CONTAINER_SOCKET": container.socket, "CI_CONTAINER_IMAGE": container.image,
        "CI_JOB_COMMAND": Settings().job_command, **variables}
    with host.agent(**chosen):
        job_id = host.plant.submit(**files)
        job = host.plant.over(job_id)
    attempt = host.plant.files.attempts(job_id)[-1]
    return job, host.plant.log(attempt), json.loads(attempt.manifest.read_bytes())


def test_a_project_is_tested_by_the_images_pytest_and_its_report_is_read(host: Host, container: Sandbox) -> None:
    job, log, left = run(host, container, {"test_a.py": "def test_good(): pass\ndef test_better(): pass\n"})

    assert job.success, log
    assert "test_a.py::test_good PASSED" in log
    assert (left["junit"]["tests"], left["junit"]["failures"]) == (2, 0)


def test_what_a_project_needs_is_installed_from_the_wheelhouse(host: Host, container: Sandbox, tmp_path: Path) -> None:
    write_greeting(tmp_path / "wheels")
    files = {"requirements.txt": "greeting\n", "test_a.py": USING_GREETING}

    job, log, left = run(host, container, files, CI_JOB_WHEELHOUSE=str(tmp_path / "wheels"))

    assert job.success, log
    assert log.index("Successfully installed greeting-1.0") < log.index("Running tests...")
    assert left["junit"]["tests"] == 1
