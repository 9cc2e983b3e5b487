"""Which tests each shard of a run has, decided when the run is made; and the runtimes that decide it."""
from __future__ import annotations

import json

from sqlalchemy import select, union_all

from api.domain.runs.run import Platform
from api.domain.runs.shards import Shards
from api.storage.database import read, session
from api.storage.platform_tables import ResultRow
from api.storage.runs.line import RAN
from api.storage.tables.runs import RunRow

# A test that none of so many runs executed counts as unknown.
NEWEST_RUNS = 10


def load_runtimes(platform: Platform) -> dict[int, int]:
    """The runtimes in milliseconds of the tests of the platform's newest runs that ran to an end, each from the newest that executed it."""
    # Of each status by itself they lie in their order in an index, so that no more are read than are wanted.
    of_each = union_all(*(
        select(select(RunRow.run_id).where(RunRow.platform == platform.value, RunRow.status == status)
               .order_by(RunRow.run_id.desc()).limit(NEWEST_RUNS).subquery()) for status in RAN)).subquery()
    newest = select(of_each.c.run_id).order_by(of_each.c.run_id.desc()).limit(NEWEST_RUNS).subquery()
    rows = read(
        select(ResultRow.regression_test_id, ResultRow.runtime).join(newest, newest.c.run_id == ResultRow.test_id)
        .order_by(ResultRow.test_id))
    return {regression_id: runtime for regression_id, runtime in rows if runtime is not None and runtime >= 0}


def load_shards(run_id: int) -> Shards:
    """The tests of each shard of a run; empty for a run that is not divided."""
    text = session().execute(select(RunRow.shard_tests).where(RunRow.run_id == run_id)).scalar_one()
    return tuple(map(tuple, json.loads(text or "[]")))
