"""The failures of a run as several pages show them, in groups."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from api.domain.results.judged_run import JudgedRun
from api.domain.runs.run import Run
from api.handlers.pages.answering import data_of
from api.handlers.results.causes import clusters_of, find_status
from api.handlers.results.triage import triage_of
from api.rendering.pages.groups import Group, by_category, by_cause
from api.services.results import verdicts
from api.services.results.analyses import AnalysisStatus

# Bytes of triage that a page shows of one run; and as many as are needed to know how the run stands.
TRIAGE_BYTES, LEAST_TRIAGE_BYTES = 49_152, 4_096
SHOWN_CAUSES = 25


def failures_of(run: Run, by: str) -> dict[str, Any]:
    """What a page tells of a run: its triage, its tests, and its failures by causes or categories, but where all tests are listed."""
    judged = verdicts.judge_run(run)
    status = find_status(run, judged)
    triage = data_of(triage_of(run, judged, status, TRIAGE_BYTES if by != "test" else LEAST_TRIAGE_BYTES))
    return {"triage": triage, "tests": judged.tests, "groups": list(_groups(run, judged, status, triage["failures"], by))}


def _groups(run: Run, judged: JudgedRun, status: AnalysisStatus, failures: Any, by: str) -> Sequence[Group]:
    if by == "test":
        return ()
    if by == "category":
        return by_category(failures)
    clusters = data_of(clusters_of(run, judged, status, SHOWN_CAUSES, 0))["data"]
    return by_cause(failures, () if status.found is None else status.found.causes, clusters)
