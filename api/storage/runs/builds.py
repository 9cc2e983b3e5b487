"""What is kept of the build of a run's executable."""
from __future__ import annotations

from sqlalchemy import func, update

from api.domain.runs.claimed_run import BuildReport
from api.storage.database import change
from api.storage.tables.runs import RunRow


def record_build(run_id: int, told: BuildReport) -> None:
    """Within a transaction: keep what a worker tells of a build; what the run's trigger or an earlier report said stays."""
    if told != BuildReport():
        change(update(RunRow).where(RunRow.run_id == run_id).values(
            merge_base_sha=func.coalesce(RunRow.merge_base_sha, told.merge_base_sha),
            build_duration_ms=func.coalesce(RunRow.build_duration_ms, told.duration_ms)))
