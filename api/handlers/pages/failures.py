"""The failures of a run as several pages show them, in groups."""
from __future__ import annotations

from typing import Any

from api.domain.runs.run import Run
from api.handlers.causes import list_clusters
from api.handlers.pages.answering import told
from api.rendering.pages.groups import Group, by_category, by_cause
from api.services.results.analyses import find_causes
from api.specfirst import request_context

# Bytes of triage that a page shows of one run; and as many as are needed to know how the run stands.
TRIAGE_BYTES, LEAST_TRIAGE_BYTES = 49_152, 4_096
SHOWN_CAUSES = 25


def groups_of(run: Run, triage: Any, by: str) -> list[Group]:
    """The failures that triage tells of, by their causes or their categories; none where tests are listed."""
    if by == "test":
        return []
    if by == "category":
        return by_category(triage["failures"])
    clusters = told(list_clusters(run, SHOWN_CAUSES, 0))["data"]
    return by_cause(triage["failures"], find_causes(run, request_context.values().main_repository), clusters)
