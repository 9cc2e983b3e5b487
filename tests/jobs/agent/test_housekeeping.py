"""What is tidied up after jobs, and what is left alone."""
from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from api.domain.jobs.job import Job, JobReason, outcome_of
from api.jobs.agent.housekeeping import Housekeeping
from api.jobs.agent.job_repository import DatabaseJobRepository
from api.jobs.agent.names import AgentNames
from api.jobs.project.workspaces import Workspaces
from api.storage.database import session, transact
from api.storage.jobs import jobs
from tests.builders import NOW
from tests.databases import Database
from tests.jobs.agent.agents import Works

KEEP = timedelta(days=14)
OLD = NOW.timestamp() - timedelta(days=30).total_seconds()


@pytest.fixture
def works(sqlite_database: Database, tmp_path: Path) -> Iterator[Works]:
    made = Works(sqlite_database, tmp_path)
    yield made
    made.supervisors.clear()


@pytest.fixture
def workspaces(tmp_path: Path) -> Workspaces:
    return Workspaces(tmp_path / "work", images=False)


@pytest.fixture
def housekeeping(works: Works, workspaces: Workspaces) -> Housekeeping:
    repository = DatabaseJobRepository(works.database.app, "one", clock=works.clock, per_owner=9)
    return Housekeeping(repository, works.files, workspaces, None, keep=KEEP, clock=works.clock)


def claimed(works: Works) -> Job:
    works.submit()
    job = transact(lambda: jobs.claim_job("one", now=NOW, lease_until=NOW, per_owner=9))
    assert job is not None
    return job


def end(job: Job) -> None:
    transact(lambda: jobs.finish_job(job.job_id, job.fence, outcome_of(JobReason.EXIT_CODE, 0), NOW))
    session().rollback()


def workspace_of(workspaces: Workspaces, job: Job) -> str:
    name = f"{job.job_id}-{job.attempt_folder}"
    workspaces.create(name, 1 << 20, None)
    return name


def nothing() -> frozenset[str]:
    return frozenset()


def test_a_workspace_of_a_job_that_is_over_is_removed(works: Works, workspaces: Workspaces, housekeeping: Housekeeping) -> None:
    job = claimed(works)
    workspace_of(workspaces, job)
    end(job)

    housekeeping.tidy_host(nothing)

    assert workspaces.names() == []


def test_workspaces_in_use_are_left_alone(works: Works, workspaces: Workspaces, housekeeping: Housekeeping) -> None:
    running, held, supervised = (claimed(works) for _ in range(3))
    names = [workspace_of(workspaces, job) for job in (running, held, supervised)]
    files = works.files.attempt(supervised.job_id, 1, supervised.fence)
    files.prepare({}, NOW)
    works.supervisors.start(files)
    end(held), end(supervised)
    workspaces.create("trial-1", 1 << 20, None)

    housekeeping.tidy_host(lambda: frozenset({names[1]}))

    assert workspaces.names() == sorted([*names, "trial-1"])


def test_the_workspace_of_an_older_attempt_is_removed(works: Works, workspaces: Workspaces, housekeeping: Housekeeping) -> None:
    job = claimed(works)
    workspace_of(workspaces, job)
    transact(lambda: jobs.give_up_job(job, NOW, began=False))
    again = transact(lambda: jobs.claim_job("two", now=NOW, lease_until=NOW, per_owner=9))
    session().rollback()

    housekeeping.tidy_host(nothing)

    assert again is not None and again.job_id == job.job_id
    assert workspaces.names() == []


def test_files_and_zips_are_kept_for_as_long_as_is_said(works: Works, housekeeping: Housekeeping) -> None:
    over, waiting = claimed(works), works.submit()
    end(over)
    works.clock.advance(KEEP.total_seconds())
    housekeeping.tidy_files()
    kept = (works.files.job(over.job_id).exists(), works.files.project(over.job_id).exists(), works.files.project(waiting).exists())

    works.clock.advance(1)
    housekeeping.tidy_files()

    assert kept == (True, True, True)
    assert (works.files.job(over.job_id).exists(), works.files.project(waiting).exists()) == (False, True)


def test_what_no_job_was_made_of_goes_when_it_is_old(works: Works, housekeeping: Housekeeping) -> None:
    old, young, other = works.files.job(str(uuid4())), works.files.job(str(uuid4())), works.files.root / "something"
    for folder in (old, young, other):
        folder.mkdir(parents=True)
    os.utime(young, (NOW.timestamp(), NOW.timestamp()))
    for path in (old, other):
        os.utime(path, (OLD, OLD))

    housekeeping.tidy_files()

    assert [path.exists() for path in (old, young, other)] == [False, True, True]


def test_a_name_is_held_by_one_agent_and_known_to_be_dead_when_that_ends(tmp_path: Path) -> None:
    names = AgentNames(tmp_path, "host")
    with names.acquire() as first, AgentNames(tmp_path, "host").acquire() as second:
        living = list(names.dead())
    with AgentNames(tmp_path, "host").acquire() as again:
        left = list(names.dead())

    assert (again, living, left) == (first, [], [second])
    assert first != second


def test_hosts_of_one_name_are_told_apart(tmp_path: Path) -> None:
    with AgentNames(tmp_path / "a", "host").acquire() as one, AgentNames(tmp_path / "b", "host").acquire() as other:
        assert one != other
        assert len(AgentNames(tmp_path / "a", "h" * 300)._name("0")) <= 100
