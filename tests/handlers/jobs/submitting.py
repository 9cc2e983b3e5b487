"""Submissions of projects, and what a test looks at afterwards."""
from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from api.domain.jobs.agents import Agent
from api.storage.database import database_now, transaction
from api.storage.files.backends import INCOMING
from api.storage.jobs.agents import save_agent
from api.storage.jobs.places import JOBS
from api.storage.jobs.tables import JobRow
from contract.client import ValidatingClient
from tests.handlers.site import Site
from tests.submitted_jobs import zip_of

ASYNC = "/submit-async"


def submit(client: ValidatingClient, zipped: bytes | None = None, /, **fields: str) -> Any:
    return client.post(ASYNC, files={"file": ("../../project.zip", zip_of() if zipped is None else zipped)}, data=fields)


def kept_files(site: Site) -> list[Path]:
    """All files of jobs, finished and on their way in."""
    folders = [site.files / JOBS, site.files / INCOMING]
    return [path for folder in folders if folder.exists() for path in folder.rglob("*") if path.is_file()]


def assert_nothing_is_left(site: Site) -> None:
    assert kept_files(site) == []
    assert site.rows(select(JobRow.id)) == []


def add_agent(name: str, sandbox: str | None, *, silent: timedelta = timedelta(0), **changes: Any) -> None:
    with transaction():
        save_agent(Agent(name, 2, 0, database_now() - silent, sandbox, **changes))


def events(answer: Any) -> list[Any]:
    return [json.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if line.startswith("data: ")]
