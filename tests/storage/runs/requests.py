"""Runs that callers ask for."""
from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import count

from api.domain.runs.run import Platform
from api.domain.runs.trigger import RunRequest
from api.storage.runs.new_runs import NewRun
from tests.builders import MAIN_REPOSITORY, NOW, digest_of

_numbers = count(1)


def new_run(
    regression_ids: Sequence[int], *, requester_id: int, created_at: datetime = NOW, restricted: bool = False, is_fork: bool = False,
    request: RunRequest | None = None, source_run_id: int | None = None,
) -> NewRun:
    """A run of the main repository's master on Linux, unless the request says otherwise."""
    number = next(_numbers)
    return NewRun(
        request=request or RunRequest(MAIN_REPOSITORY, digest_of(f"asked {number}")[:40], Platform.LINUX, "master"),
        regression_ids=tuple(regression_ids), environment_id="linux-latest", requester_id=requester_id, created_at=created_at,
        worker_token=digest_of(f"worker {number}"), is_fork=is_fork, restricted=restricted, source_run_id=source_run_id)
