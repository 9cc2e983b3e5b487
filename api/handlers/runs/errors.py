"""Operations on errors of a run, of its tests and of its infrastructure."""
from __future__ import annotations

from dataclasses import replace
from typing import Any

from api.domain.auth.access import Role
from api.domain.errors import Forbidden
from api.domain.page import slice_page
from api.domain.results.error import ErrorFilter, ErrorItem, Grouping, Times, errors_of, group_errors, infrastructure_items
from api.domain.results.failure_code import Severity
from api.domain.results.judged_run import JudgedRun
from api.domain.runs.run import Run
from api.domain.text.tail import ERROR_BYTES, last_error_line
from api.rendering import errors as render_errors
from api.rendering import runs as render_runs
from api.rendering.log_tails import read_tail
from api.services.results import verdicts
from api.services.runs import runs
from api.specfirst import request_context
from api.storage.files import paths
from api.storage.files.archive import Archive

STACK_READERS = frozenset({Role.ADMIN, Role.CONTRIBUTOR})


def list_errors(
    run: Run, limit: int, offset: int, type: str | None = None, severity: str | None = None, sample_id: int | None = None,
) -> dict[str, Any]:
    """List what went wrong in a run's tests, test by test."""
    wanted = ErrorFilter(type, Severity(severity) if severity else None, sample_id)
    found = [item for item in _test_errors(run) if wanted.matches(item)]
    return render_runs.page(slice_page(found, limit, offset), lambda item: render_errors.error_item(run.run_id, item))


def list_infrastructure_errors(
    run_id: int, limit: int, offset: int, include_stack: bool, type: str | None = None, severity: str | None = None,
) -> dict[str, Any]:
    """List what went wrong around a run."""
    if include_stack:
        authorize_stacks()
    # Whether there is a run is told only to those who may ask this of it.
    run = runs.show_run(run_id, request_context.now())
    wanted = ErrorFilter(type, Severity(severity) if severity else None)
    judged = verdicts.judge_run(run)
    found = [item for item in infrastructure_items(run_id, judged.infrastructure, times_of(run, judged)) if wanted.matches(item)]
    return render_runs.page(slice_page(found, limit, offset), lambda item: render_errors.error_item(
        run_id, _with_log(run_id, item), with_stack=include_stack))


def _with_log(run_id: int, item: ErrorItem) -> ErrorItem:
    """The last error in the log beside what says that the run did not come to its end."""
    if item.coverage is None:
        return item
    tail = read_tail(request_context.collaborator(Archive), paths.log_name(run_id), ERROR_BYTES)
    return replace(item, log_line=None if tail is None else last_error_line(tail))


def summarize_errors(run: Run, limit: int, offset: int, group_by: str, severity: str | None = None) -> dict[str, Any]:
    """Count a run's errors in groups, biggest first."""
    wanted = ErrorFilter(severity=Severity(severity) if severity else None)
    groups = group_errors((item for item in _test_errors(run) if wanted.matches(item)), Grouping(group_by))
    return render_runs.page(slice_page(groups, limit, offset), render_errors.error_group)


def _test_errors(run: Run) -> tuple[ErrorItem, ...]:
    judged = verdicts.judge_run(run)
    return errors_of(run.run_id, judged.tests, times_of(run, judged))


def times_of(run: Run, judged: JudgedRun) -> Times:
    """When things went wrong in a run."""
    events = judged.evidence.events
    newest = events[-1].at if events else run.created_at
    return Times(judged.evidence.ended_at, run.started_at or run.created_at, run.completed_at or newest)


def authorize_stacks() -> None:
    """Raise Forbidden unless the caller may see stacks."""
    role = request_context.caller().role
    if role not in STACK_READERS:
        raise Forbidden(
            "Your role may not see stack traces.", {"required_roles": sorted(STACK_READERS), "role": role.value},
            remedy="Leave out include_stack, or ask an administrator or a contributor.")
