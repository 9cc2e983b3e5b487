"""Operations on the causes of failures: the clusters of a run, the steps of a test, and where else a cause occurs."""
from __future__ import annotations

from datetime import timedelta
from typing import Any

from api.domain.errors import NotFound
from api.domain.page import slice_page
from api.domain.results.judged_run import JudgedRun
from api.domain.runs.run import Platform, Run
from api.rendering import causes as render_causes
from api.rendering.runs import page
from api.services.results import verdicts
from api.services.results.analyses import AnalysisStatus, find_analysis, require_found
from api.services.results.analysis_requests import AnalysisRequests
from api.services.results.baseline_reviews import view_of_cause
from api.specfirst import request_context
from api.storage.results import occurrences

Json = dict[str, Any]

LATELY = timedelta(days=21)


def find_status(run: Run, judged: JudgedRun) -> AnalysisStatus:
    """What is known of the analysis of a run and where else its causes were seen; one that is due is asked for."""
    status = find_analysis(run, judged, request_context.values().main_repository, since=request_context.now() - LATELY)
    if status.is_due:
        request_context.collaborator(AnalysisRequests).want(run.run_id)
    return status


def list_clusters(run: Run, limit: int, offset: int) -> Json:
    """List the causes of a run's failures, its own first."""
    judged = verdicts.judge_run(run)
    return clusters_of(run, judged, find_status(run, judged), limit, offset)


def clusters_of(run: Run, judged: JudgedRun, status: AnalysisStatus, limit: int, offset: int) -> Json:
    """The causes of a run's failures by what is known of its analysis."""
    tests = {test.test.regression_id: test for test in judged.tests}
    known = () if status.found is None else status.found.causes
    return {"analysis": render_causes.analysis(status)} | page(
        slice_page(known, limit, offset),
        lambda each: render_causes.cluster(each, tests, status.elsewhere, view_of_cause(run.run_id, each, known, tests)))


def get_cluster(run: Run, class_id: str, limit: int) -> Json:
    """Show one cause of a run's failures with its tests."""
    judged = verdicts.judge_run(run)
    status = find_status(run, judged)
    found = require_found(run, status)
    cause = next((each for each in found.causes if each.cluster.class_id == class_id), None)
    if cause is None:
        raise NotFound("cluster", class_id, remedy="List the run's clusters with GET /runs/{run_id}/clusters.")
    tests, ids = {test.test.regression_id: test for test in judged.tests}, cause.cluster.regression_ids
    return {
        "run_id": run.run_id,
        "cluster": render_causes.cluster(cause, tests, status.elsewhere, view_of_cause(run.run_id, cause, found.causes, tests)),
        "members": [render_causes.member(found.by_id[each].analysed, tests[each]) for each in ids[:limit]],
        "omitted_count": max(0, len(ids) - limit)}


def list_test_steps(regression_id: int, limit: int, platform: str | None = None, branch: str | None = None) -> Json:
    """List where the output of a regression test changed."""
    found = occurrences.list_steps(regression_id, platform=Platform(platform) if platform else None, branch=branch, limit=limit)
    return {"regression_id": regression_id, "steps": [render_causes.step(each) for each in found]}


def list_occurrences(
    class_id: str, days: int, limit: int, run_id: int | None = None, regression_id: int | None = None,
) -> Json:
    """See where else a cause occurs."""
    since = request_context.now() - timedelta(days=days)
    shown: Json = {
        "class_id": class_id, "days": days, "same_step": None, "same_output": None,
        "same_class": render_causes.sightings(occurrences.find_class(class_id, since, besides=run_id, limit=limit))}
    names = None if run_id is None or regression_id is None else occurrences.find_names(run_id, regression_id)
    if names is None or regression_id is None:
        return shown
    same_output = occurrences.find_output(regression_id, names.came, since, besides=run_id, limit=limit)
    same_step = None if names.step is None else occurrences.find_step(regression_id, names.step, since, besides=run_id, limit=limit)
    return shown | {"same_output": render_causes.sightings(same_output), "same_step": render_causes.sightings(same_step)}
