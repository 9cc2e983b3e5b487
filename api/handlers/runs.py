"""Operations on runs: list, trigger, inspect, cancel, retry."""
from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api.domain.cancel import ActionStatus, Cancellation, authorize_action, cancel
from api.domain.chance import Chance
from api.domain.infrastructure import EventOrigin
from api.domain.page import slice_page
from api.domain.progress import with_late_events
from api.domain.refusal import Invalid
from api.domain.retry import plan_retry, request_like
from api.domain.run import Phase, Platform, Run, RunStatus
from api.domain.run_list import RunFilter, RunSort
from api.domain.run_permission import Code
from api.domain.trigger import RunPolicy, RunRequest, choose_environment, choose_tests
from api.handlers import context, render
from api.handlers.answers import JSON, encode, etag
from api.handlers.audit import AuditEvent, audited
from api.handlers.instants import parse_instant
from api.handlers.rules import Environments
from api.handlers.run_permission import require_permission
from api.handlers.stream_permits import permitted_until
from api.handlers.waiting import RunWatch
from api.storage import expected_sets, outcomes, progress, runs
from api.storage.database import transact
from api.storage.enrolment import catch_up
from api.storage.idempotency import RequestKey, find_answered_run, record_answer
from api.storage.runs import NewRun


def list_runs(
    limit: int, offset: int, sort: str, cursor: str | None = None, status: str | None = None, branch: str | None = None,
    commit_sha: str | None = None, repository: str | None = None, platform: str | None = None, pull_request: int | None = None,
    created_after: str | None = None, created_before: str | None = None,
) -> dict[str, Any]:
    """List runs, newest first unless asked otherwise."""
    if cursor is not None and offset:
        raise Invalid({"offset": "Must not be given with a cursor."})
    catch_up(context.now())
    wanted = RunFilter(
        status=RunStatus(status) if status else None, branch=branch, commit_sha=commit_sha, repository=repository,
        platform=Platform(platform) if platform else None, pull_request=pull_request,
        created_after=parse_instant("created_after", created_after), created_before=parse_instant("created_before", created_before))
    found = runs.list_runs(wanted, RunSort(sort), limit=limit, offset=offset, cursor=cursor)
    return render.run_page(found, api_base(), by_cursor=cursor is not None)


def create_run(body: dict[str, Any], idempotency_key: str | None = None) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Trigger a run, or answer with the one that this request has already made."""
    catch_up(context.now())
    request = _request(body)
    with audited(AuditEvent.RUN_TRIGGERED) as deed:
        # Before anything is said of an earlier request with the same key: who lost the right gets no answer by repeating.
        require_permission(Code(request.repository, request.commit_sha, request.pull_request))
        is_fork = not context.collaborator(RunPolicy).is_main(request.repository)
        # What can be run is asked within the transaction, so that a repeat is answered even when that has changed meanwhile.
        run_id = transact(lambda: _once(idempotency_key, "create_run", body, lambda: runs.create_run(_new_run(request, is_fork))))
        deed.subject, deed.detail = f"run:{run_id}", f"{request.repository} {request.commit_sha}"
    return render.run(_load_current(run_id), api_base()), HTTPStatus.ACCEPTED, {"Location": f"{api_base()}/runs/{run_id}"}


def _new_run(request: RunRequest, is_fork: bool) -> NewRun:
    environment = choose_environment(
        context.collaborator(Environments).configured, request.environment_id, request.platform)
    return NewRun(
        request=request, regression_ids=choose_tests(request.regression_ids, expected_sets.list_active_tests(), _known(request)),
        environment_id=environment.environment_id, requester_id=context.caller().user_id, created_at=context.now(),
        worker_token=context.collaborator(Chance).worker_token(), is_fork=is_fork, restricted=request.regression_ids is not None)


async def get_run(
    request: Request, run_id: int, wait: int | None = None, if_none_match: str | None = None,
) -> Response:
    """Show a run; with `wait`, once its state changes or so many seconds have passed.

    A run that is over is shown at once, and so is one that has left the state which the client names (If-None-Match).
    """
    shown, state = await context.in_thread(_load_state, run_id)
    if wait and state is not None and (if_none_match is None or etag(shown) in if_none_match):
        await _wait(run_id, state, min(wait, context.values().max_wait))
        shown, _ = await context.in_thread(_load_state, run_id)
    return Response(shown, media_type=JSON)


async def _wait(run_id: int, state: str, seconds: float) -> None:
    """Wait until the run's state changes. Raises Unauthorized as soon as the caller may no longer have the answer."""
    with context.collaborator(RunWatch).waiter(run_id, state) as waiter, permitted_until(waiter.lose):
        await waiter.wait(seconds)


def _load_state(run_id: int) -> tuple[bytes, str | None]:
    """A run as it is shown, and a text that changes with its state; None for one that is over, which never changes."""
    found = _load_current(run_id)
    state = None if found.status.is_over else runs.load_states([run_id])[run_id]
    return encode(render.run(found, api_base())), state


def get_run_summary(run_id: int, **conditions: str | None) -> dict[str, Any]:
    """Count how the regression tests of a run fared."""
    found = _load_current(run_id)
    return render.run_summary(found, outcomes.load_summary(run_id, found.expected_set_id, found.status))


def list_progress(run_id: int, limit: int, offset: int, status: str | None = None, **conditions: str | None) -> dict[str, Any]:
    """List what a run went through, oldest first, from its queued event on."""
    found = _load_current(run_id)
    events = [render.queued_event(found)]
    reported = with_late_events(progress.list_events(run_id), progress.list_late_events(run_id))
    events += [render.progress_event(event, render.stage(event)) for event in reported]
    return render.page(slice_page([event for event in events if status in (None, event["status"])], limit, offset), dict)


def cancel_run(run_id: int, body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Cancel a run; one that is over stays as it is."""
    catch_up(context.now())
    with audited(AuditEvent.RUN_CANCELED, f"run:{run_id}") as deed:
        cancellation = transact(partial(_cancel, run_id, body.get("reason")))
        deed.detail = cancellation.status.value
    return render.cancellation(cancellation), HTTPStatus.ACCEPTED


def _cancel(run_id: int, reason: str | None) -> Cancellation:
    cancellation = cancel(runs.load_run(run_id, locked=True), context.caller(), reason)
    if cancellation.status is ActionStatus.ACCEPTED:
        words = cancellation.event_message or ""
        progress.record_event(run_id, Phase.CANCELED, words, at=context.now(), origin=EventOrigin(None))
        outcomes.derive_state(run_id)
    return cancellation


def retry_run(run_id: int, body: dict[str, Any], idempotency_key: str | None = None) -> tuple[dict[str, Any], int]:
    """Make a new run like this one; the source stays as it is."""
    source = _load_current(run_id)
    message = "This request has made its run already."

    def make() -> int:
        nonlocal message
        judged = outcomes.judge_run(run_id, source.expected_set_id).tests
        plan = plan_retry(judged, expected_sets.list_active_tests(), failed_only=body["failed_only"])
        message = render.retry_message(plan)
        return runs.create_run(_retried(source, plan.regression_ids, body.get("reason")))

    with audited(AuditEvent.RUN_RETRIED, f"run:{run_id}") as deed:
        _authorize_retry(source)
        new_id = transact(lambda: _once(idempotency_key, f"retry_run {run_id}", body, make))
        deed.detail = f"run:{new_id}"
    return render.retry(run_id, new_id, message), HTTPStatus.ACCEPTED


def _authorize_retry(source: Run) -> None:
    authorize_action(context.caller(), source)
    require_permission(
        Code(source.repository, source.commit, source.pull_request),
        triggered_by=runs.find_triggering_logins(source.repository, source.commit))


def _retried(source: Run, regression_ids: tuple[int, ...], reason: str | None) -> NewRun:
    return NewRun(
        request=request_like(source), regression_ids=regression_ids, environment_id=source.environment_id,
        requester_id=context.caller().user_id, created_at=context.now(),
        worker_token=context.collaborator(Chance).worker_token(),
        is_fork=not context.collaborator(RunPolicy).is_main(source.repository), restricted=True,
        source_run_id=source.run_id, reason=reason)


def get_run_config(run_id: int, **conditions: str | None) -> dict[str, Any]:
    """Show what a run is to execute, and where."""
    found = _load_current(run_id)
    environments = context.collaborator(Environments)
    environment = environments.find(found.environment_id)
    average = None if environment is None else runs.average_duration(environment.platform)
    return render.run_config(found, expected_sets.load_expected_set(found.expected_set_id), environment, average)


def api_base() -> str:
    """Where absolute links to operations of this API start."""
    return context.values().public_url + "/api/v1"


def _load_current(run_id: int) -> Run:
    catch_up(context.now())
    return runs.load_run(run_id)


def _request(body: dict[str, Any]) -> RunRequest:
    chosen = body.get("regression_test_ids")
    return RunRequest(
        repository=body["repository"], commit_sha=body["commit_sha"], platform=Platform(body["platform"]),
        branch=body.get("branch"), pull_request=body.get("pull_request"),
        regression_ids=None if chosen is None else tuple(chosen), environment_id=body.get("environment_id"),
        parent_sha=body.get("parent_sha"), merge_base_sha=body.get("merge_base_sha"))


def _known(request: RunRequest) -> frozenset[int]:
    return frozenset() if request.regression_ids is None else expected_sets.find_known_tests(request.regression_ids)


def _once(key: str | None, operation: str, body: dict[str, Any], make: Callable[[], int]) -> int:
    """Within a transaction: make a run, unless the request's Idempotency-Key says that it was made."""
    if key is None:
        return make()
    digest = hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
    request = RequestKey(context.caller().user_id, operation, key, digest)
    answered = find_answered_run(request, context.now())
    if answered is not None:
        return answered
    run_id = make()
    record_answer(request, run_id, context.now())
    return run_id
