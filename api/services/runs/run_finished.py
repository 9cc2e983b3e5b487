"""Updates the platform's tables when a run finishes, in the same transaction."""
from __future__ import annotations

from api.storage.runs.platform_effects import RAN, free_machine, move_average, record_last_passed
from api.storage.runs.runs import load_end


def record_run_finished(run_id: int, *, main_repository: str) -> None:
    """Free the run's virtual machine, move the platform's average time, and note which regression tests last passed in it."""
    free_machine(run_id)
    end = load_end(run_id)
    if end.status not in RAN:
        return
    if end.started_at is not None and end.completed_at is not None:
        move_average(end.platform, max(0, int((end.completed_at - end.started_at).total_seconds())))
    if end.repository == main_repository.lower() and end.pull_request is None:
        record_last_passed(run_id, end.platform)
