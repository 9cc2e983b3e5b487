"""Operations on errors, logs and files of a run, as the Sample Platform has them."""
from __future__ import annotations

from typing import Any

from api.domain.page import slice_page
from api.domain.results.error import ErrorFilter, ErrorItem, Grouping, errors_of, infrastructure_items
from api.domain.results.failure import failures_in
from api.domain.results.failure_code import Severity
from api.domain.runs.run import Run
from api.handlers.platform.parameters import parse_flag
from api.handlers.runs import logs
from api.handlers.runs.errors import authorize_stacks, times_of
from api.rendering.artifacts import stored_names
from api.rendering.platform import errors as render
from api.rendering.platform import outputs as render_outputs
from api.rendering.platform.runs import page
from api.services.results import verdicts
from api.services.runs import runs
from api.specfirst import request_context
from api.storage.files.archive import Archive

Json = dict[str, Any]

LINE = ("timestamp", "level", "source", "message", "run_id", "sample_id")


def platform_list_errors(
    run: Run, limit: int, offset: int, type: str | None = None, severity: str | None = None, sample_id: int | None = None,
) -> Json:
    """List what went wrong in a run's tests, test by test."""
    wanted = ErrorFilter(type, Severity(severity) if severity else None, sample_id)
    found = [item for item in _test_errors(run) if wanted.matches(item)]
    return page(slice_page(found, limit, offset), lambda item: render.error_item(run.run_id, item))


def platform_summarize_errors(run: Run, limit: int, offset: int, group_by: str, severity: str | None = None) -> Json:
    """Count a run's errors in groups."""
    wanted, grouping = ErrorFilter(severity=Severity(severity) if severity else None), Grouping(group_by)
    groups = render.group_errors((item for item in _test_errors(run) if wanted.matches(item)), grouping)
    return page(slice_page(groups, limit, offset), lambda group: render.error_bucket(group, grouping))


def _test_errors(run: Run) -> list[ErrorItem]:
    judged = verdicts.judge_run(run)
    items = errors_of(run.run_id, judged.tests, times_of(run, judged))
    return [render.worded(run.run_id, failure, item) for failure, item in zip(failures_in(judged.tests), items, strict=True)]


def platform_list_infrastructure_errors(
    run_id: int, limit: int, offset: int, include_stack: str | None = None, type: str | None = None, severity: str | None = None,
) -> Json:
    """List what went wrong around a run."""
    with_stack = bool(parse_flag(include_stack))
    if with_stack:
        authorize_stacks()
    # Whether there is a run is told only to those who may ask this of it.
    run = runs.show_run(run_id, request_context.now())
    wanted = ErrorFilter(type, Severity(severity) if severity else None)
    judged = verdicts.judge_run(run)
    found = [item for item in infrastructure_items(run_id, judged.infrastructure, times_of(run, judged)) if wanted.matches(item)]
    return page(slice_page(found, limit, offset), lambda item: render.error_item(run_id, item, with_stack=with_stack))


def platform_list_run_logs(
    run: Run, limit: int, cursor: str | None = None, level: str | None = None, source: str | None = None, contains: str | None = None,
) -> Json:
    """Show the next lines of a run's log."""
    return _lines(logs.list_run_logs(run, limit, cursor=cursor, level=level, source=source, contains=contains))


def platform_list_sample_logs(
    run: Run, sample_id: int, limit: int, cursor: str | None = None, level: str | None = None, contains: str | None = None,
) -> Json:
    """Show the next lines of what a regression test of a run printed."""
    return _lines(logs.list_sample_logs(run, sample_id, limit, cursor=cursor, level=level, contains=contains))


def _lines(found: Json) -> Json:
    return found | {"data": [{name: line.get(name) for name in LINE} for line in found["data"]]}


def platform_list_artifacts(run: Run, limit: int, offset: int, type: str | None = None) -> Json:
    """List the files that a run should have; those of the page are looked for."""
    found = slice_page(render_outputs.artifacts(run, verdicts.judge_run(run).tests, type), limit, offset)
    archive = request_context.collaborator(Archive)
    places = archive.look(stored_names(found.items, run.platform))
    return page(found, lambda each: render_outputs.artifact(each, run.platform, places, archive.link))
