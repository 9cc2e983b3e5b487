"""Queues a new run in place of one whose worker was lost."""
from __future__ import annotations

from datetime import datetime

from api.domain.random_source import RandomSource
from api.domain.runs.retry import request_like, unreadable_code
from api.domain.runs.shards import only
from api.services.runs.runs import load_run
from api.storage.runs import replacements
from api.storage.runs.expected_tests import list_active_tests, load_expected_tests
from api.storage.runs.new_runs import NewRun, create_run
from api.storage.runs.shard_tests import load_shards

# A run whose workers keep dying may be the cause.
MAX_IN_A_ROW = 2


def replace_run(run_id: int, *, now: datetime, random_source: RandomSource) -> int | None:
    """Within a transaction that ended the run as lost: queue one like it, on behalf of the same account. Returns its id.

    Tests that are no longer active are left out, as in a retry; the others are divided among machines as before. Returns None where
    - no test is left,
    - enough runs in a row were lost,
    - nobody can tell what the run executes,
    - or it has its replacement already: the platform's own programs may restart a lost run.
    """
    if replacements.is_replaced(run_id) or _is_lost_too_often(run_id):
        return None
    lost = load_run(run_id, locked=True)
    tests = sorted(list_active_tests().intersection(load_expected_tests(lost.expected_tests_id).regression_ids))
    if not tests or unreadable_code(lost):
        return None
    replacement_id = create_run(NewRun(
        request=request_like(lost), regression_ids=tuple(tests), environment_id=lost.environment_id,
        requester_id=None if lost.requester is None else lost.requester.user_id, created_at=now, worker_token=random_source.worker_token(),
        is_fork=replacements.is_fork(run_id), restricted=True, source_run_id=run_id,
        shards=only(load_shards(run_id), tests), reason=f"Replaces run {run_id}, whose worker was lost."))
    replacements.store_replacement(run_id, replacement_id)
    return replacement_id


def _is_lost_too_often(run_id: int) -> bool:
    return replacements.count_lost_before(run_id, MAX_IN_A_ROW) >= MAX_IN_A_ROW
