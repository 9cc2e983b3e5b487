"""Operations of the pages of one run: the run, and one test in it."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flask

from api.domain.auth.access import Role, Scope
from api.domain.errors import NotFound, Refusal
from api.domain.results.result import JudgedTest, OutputStatus
from api.domain.results.sample_result import ShownOutput, shown_outputs
from api.domain.runs.run import Run
from api.domain.runs.run_list import RunFilter, RunSort
from api.domain.text.log_difference import LogView
from api.handlers.pages.answering import data_of, show
from api.handlers.pages.failures import failures_of
from api.handlers.pages.library import past_of
from api.handlers.results.outputs import PLACES, get_diff
from api.handlers.results.samples import get_run_sample
from api.handlers.runs.logs import list_sample_logs
from api.handlers.runs.runs import list_progress
from api.rendering.pages.side_by_side import side_by_side
from api.rendering.pages.timeline import pictures_of
from api.services.results import verdicts
from api.specfirst import request_context
from api.storage.runs.run_pages import find_next

EVENTS, CONTEXT_LINES, LOG_LINES = 100, 3, 200


def run_page(run: Run, by: str) -> flask.Response:
    """Show a run: its failures by cause or category or all of its tests, and what it went through."""
    return show(
        "run.html", run=run, by=by, proposes=_may_propose(), events=data_of(list_progress(run, EVENTS, 0))["data"],
        neighbours=_neighbours(run), **failures_of(run, by))


def run_test_page(run: Run, regression_id: int, against: str, output_id: int | None = None) -> flask.Response:
    """Show a test in a run: expected and actual beside each other, its cues, its history."""
    test = next((test for test in verdicts.judge_run(run).tests if test.test.regression_id == regression_id), None)
    if test is None:
        raise NotFound("regression_test", regression_id)
    outputs = shown_outputs(test)
    output = _chosen(outputs, output_id)
    lines = output and _diff(run, test, output, against, "lines")
    cues = output and _diff(run, test, output, against, PLACES).get("cues")
    return show(
        "test.html", run=run, test=test, result=data_of(get_run_sample(run, test.test.sample_id, regression_id)), outputs=outputs,
        output=output, against=against, diff=lines, rows=side_by_side(lines.get("hunks", ()) if lines else ()),
        cues=cues, pictures=pictures_of(cues["places"]) if cues else [], proposes=_may_propose(), failure_log=_failure_log(run, test),
        **past_of(regression_id))


def _may_propose() -> bool:
    """Whether the reader may ask for outputs to become baselines."""
    reader = request_context.current.get().caller
    return reader is not None and reader.role in (Role.ADMIN, Role.CONTRIBUTOR) and Scope.BASELINES_WRITE in reader.scopes


def _chosen(outputs: Sequence[ShownOutput], output_id: int | None) -> ShownOutput | None:
    if output_id is not None:
        found = next((output for output in outputs if output.output_id == output_id), None)
        if found is None:
            raise NotFound("output", output_id)
        return found
    return next((output for output in outputs if output.status is not OutputStatus.MATCH), next(iter(outputs), None))


def _diff(run: Run, test: JudgedTest, output: ShownOutput, against: str, view: str) -> dict[str, Any]:
    """The comparison as the API tells it; where that refuses, why."""
    try:
        found: dict[str, Any] = data_of(get_diff(
            run, test.test.sample_id, test.test.regression_id, output.output_id, CONTEXT_LINES, "structured", view, against))
        return found
    except Refusal as refused:
        return {"status": "unknown", "message": refused.message}


def _failure_log(run: Run, test: JudgedTest) -> Any:
    """The lines that only this test's log has, as far as the reader may see logs; None where there are none to tell of."""
    reader = request_context.current.get().caller
    if reader is None or Scope.SYSTEM_READ not in reader.scopes or not test.verdict.is_failure:
        return None
    try:
        return data_of(list_sample_logs(run, test.test.sample_id, LOG_LINES, test.test.regression_id, view=LogView.FAILURE_ONLY))
    except Refusal:
        return None


def _neighbours(run: Run) -> dict[str, int | None]:
    """The runs before and after this one, of the same platform and the same pull request or branch."""
    wanted = RunFilter(
        platform=run.platform, pull_request=run.pull_request, branch=None if run.pull_request is not None else run.branch,
        repository=run.repository)
    return {"before": find_next(run, wanted, RunSort.CREATED_AT_DESC), "after": find_next(run, wanted, RunSort.CREATED_AT)}
