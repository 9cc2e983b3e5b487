"""What is tidied up on a host after jobs, and what is left alone."""
from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from api.jobs.agent.housekeeping import Housekeeping
from api.jobs.files import AttemptFiles, JobFiles
from api.jobs.project.workspaces import Workspaces
from tests.builders import NOW
from tests.jobs.agent.agents import Supervisors


@pytest.fixture
def supervisors() -> Iterator[Supervisors]:
    made = Supervisors()
    yield made
    made.clear()


@pytest.fixture
def workspaces(tmp_path: Path) -> Workspaces:
    return Workspaces(tmp_path / "work", images=False)


@pytest.fixture
def files(tmp_path: Path) -> JobFiles:
    return JobFiles(tmp_path)


@pytest.fixture
def housekeeping(files: JobFiles, workspaces: Workspaces) -> Housekeeping:
    return Housekeeping(files, workspaces, None)


def left_attempt(files: JobFiles, workspaces: Workspaces) -> AttemptFiles:
    """An attempt with all that it had on the host."""
    job_id = str(uuid4())
    attempt = files.attempt(job_id, 1, 1)
    attempt.prepare({}, NOW + timedelta(hours=1))
    files.project(job_id).write_bytes(b"a zip")
    workspaces.create(name_of(attempt), 1 << 20, None)
    return attempt


def name_of(attempt: AttemptFiles) -> str:
    return f"{attempt.folder.parent.name}-{attempt.folder.name}"


def test_what_nothing_uses_is_removed(files: JobFiles, workspaces: Workspaces, housekeeping: Housekeeping) -> None:
    attempt = left_attempt(files, workspaces)

    housekeeping.tidy_host(frozenset)

    assert workspaces.names() == []
    assert not attempt.folder.parent.exists()


def test_what_is_in_use_is_left_alone(
    files: JobFiles, workspaces: Workspaces, housekeeping: Housekeeping, supervisors: Supervisors,
) -> None:
    held, supervised = left_attempt(files, workspaces), left_attempt(files, workspaces)
    supervisors.start(supervised)
    workspaces.create("trial-1", 1 << 20, None)

    housekeeping.tidy_host(lambda: frozenset({name_of(held)}))

    assert workspaces.names() == sorted([name_of(held), name_of(supervised), "trial-1"])
    assert held.folder.exists() and supervised.folder.exists()
    assert files.project(held.folder.parent.name).exists()


def test_nothing_is_removed_while_it_is_not_known_what_is_in_use(
    files: JobFiles, workspaces: Workspaces, housekeeping: Housekeeping,
) -> None:
    attempt = left_attempt(files, workspaces)

    housekeeping.tidy_host(lambda: None)

    assert workspaces.names() == [name_of(attempt)]
    assert attempt.folder.exists()
