"""Stores a run that a user asked for."""
from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from api.domain.runs.run import RunStatus
from api.domain.runs.shards import Shards, divide
from api.domain.runs.trigger import RunRequest
from api.domain.text.casefold import casefold_ascii
from api.storage.catalog.regression_tests import load_definitions
from api.storage.database import add_free_text, casefolded, session
from api.storage.platform_tables import CustomizedTestRow, ForkRow, TestForkRow, TestRow
from api.storage.runs.expected_tests import save_expected_tests
from api.storage.runs.shard_tests import load_runtimes
from api.storage.tables.runs import RunRow


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run to be stored: the request, what was chosen for it, and the secret of its worker (64 characters of [A-Za-z0-9]).

    `shards` are those of the run that it replaces; without them its tests are divided anew.
    """

    request: RunRequest
    regression_ids: tuple[int, ...]
    environment_id: str | None
    requester_id: int | None
    created_at: datetime
    worker_token: str
    is_fork: bool
    restricted: bool
    source_run_id: int | None = None
    reason: str | None = None
    shards: Shards = ()


def create_run(new: NewRun) -> int:
    """Within a transaction: store a run and freeze what it is to execute. Returns its id."""
    request, shards = new.request, new.shards or _divide(new)
    row = TestRow(
        platform=request.platform.value, test_type="pr" if request.pull_request else "commit", token=new.worker_token,
        fork_id=_fork_id(request.repository), branch=request.branch or "", commit=request.commit_sha.lower(),
        pr_nr=request.pull_request or 0)
    add_free_text(row, "branch")
    if new.restricted and new.regression_ids:
        session().execute(insert(CustomizedTestRow), [{"test_id": row.id, "regression_id": each} for each in new.regression_ids])
    if new.is_fork and new.requester_id is not None:
        session().add(TestForkRow(user_id=new.requester_id, test_id=row.id))
    session().add(RunRow(
        run_id=row.id, platform=row.platform, repository=request.repository.lower(), branch=row.branch or None,
        commit_sha=row.commit, pull_request=request.pull_request, created_at=new.created_at, requester_id=new.requester_id,
        environment_id=new.environment_id, source_run_id=new.source_run_id, reason=new.reason, parent_sha=request.parent_sha,
        merge_base_sha=request.merge_base_sha, shards=len(shards), shard_tests=json.dumps(shards) if len(shards) > 1 else None,
        expected_tests_id=save_expected_tests(load_definitions().only(new.regression_ids)),
        status=RunStatus.QUEUED.value))
    session().flush()
    return row.id


def _divide(new: NewRun) -> Shards:
    count = new.request.shards
    return divide(new.regression_ids, count, load_runtimes(new.request.platform) if count > 1 else {})


def _fork_id(repository: str) -> int:
    # The platform compares clone URLs letter by letter; GitHub does not, so an existing row in other letters serves too.
    url = f"https://github.com/{repository}.git"
    wanted = select(ForkRow.id).where(casefolded(ForkRow.github) == casefold_ascii(url)).order_by(ForkRow.id).limit(1)
    found = session().execute(wanted).scalar_one_or_none()
    if found is not None:
        return found
    row = ForkRow(github=url)
    try:
        with session().begin_nested():
            session().add(row)
    except IntegrityError:
        return session().execute(wanted.with_for_update()).scalar_one()
    return row.id
