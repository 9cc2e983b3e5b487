"""The status of a run, derived from its last phase and its verdicts."""
from __future__ import annotations

from collections.abc import Collection

from api.domain.results.result import Verdict
from api.domain.runs.run import Phase, RunStatus


def run_status(phase: Phase | None, verdicts: Collection[Verdict]) -> RunStatus:
    """The status of a run whose newest event has this phase (None: no event) and whose expected tests have these verdicts."""
    if phase is None:
        return RunStatus.QUEUED
    if phase is Phase.CANCELED:
        return RunStatus.CANCELED
    if phase is Phase.COMPLETED:
        return _completed_status(verdicts)
    return RunStatus.RUNNING


def _completed_status(verdicts: Collection[Verdict]) -> RunStatus:
    without_result = sum(verdict is Verdict.SKIPPED for verdict in verdicts)
    if without_result == len(verdicts):
        return RunStatus.ERROR
    if without_result:
        return RunStatus.INCOMPLETE
    return RunStatus.FAIL if any(verdict.is_failure for verdict in verdicts) else RunStatus.PASS
