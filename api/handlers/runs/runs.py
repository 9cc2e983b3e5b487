"""Operations on runs: list, trigger, inspect, cancel, retry."""
from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from functools import partial
from http import HTTPStatus
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api.domain.auth.run_permission import Code
from api.domain.errors import Invalid
from api.domain.page import slice_page
from api.domain.random_source import RandomSource
from api.domain.runs.cancel import ActionStatus, Cancellation, authorize_action, cancel
from api.domain.runs.infrastructure import EventOrigin
from api.domain.runs.progress import with_late_events
from api.domain.runs.retry import plan_retry, request_like
from api.domain.runs.run import Phase, Platform, Run, RunStatus
from api.domain.runs.run_list import RunFilter, RunSort
from api.domain.runs.trigger import RunPolicy, RunRequest, choose_environment, choose_tests
from api.integrations.github.identity import GitHub
from api.rendering import runs as render_runs
from api.rendering.timestamps import parse_instant
from api.services.policies import Environments
from api.services.results import verdicts
from api.services.runs import runs
from api.services.runs.run_permission import require_permission
from api.specfirst import request_context
from api.specfirst.responses.audit import AuditEvent, audited
from api.specfirst.responses.json_responses import JSON, encode, etag
from api.specfirst.responses.stored_answers import UnmadeAnswer
from api.storage.database import transact
from api.storage.runs import expected_tests, new_runs, progress
from api.storage.runs.idempotency import RequestKey, find_answered_run, record_answer
from api.storage.runs.new_runs import NewRun
from api.storage.runs.runs import find_triggering_logins, load_states
from api.streaming.reauthorization import call_on_revocation
from api.streaming.waiting import RunWatch
from api.streaming.work_queue import wake


def list_runs(
    limit: int, offset: int, sort: str, cursor: str | None = None, status: str | None = None, branch: str | None = None,
    commit_sha: str | None = None, repository: str | None = None, platform: str | None = None, pull_request: int | None = None,
    created_after: str | None = None, created_before: str | None = None,
) -> UnmadeAnswer:
    """List runs, newest first unless asked otherwise."""
    if cursor is not None and offset:
        raise Invalid({"offset": "Must not be given with a cursor."})
    wanted = RunFilter(
        status=RunStatus(status) if status else None, branch=branch, commit_sha=commit_sha, repository=repository,
        platform=Platform(platform) if platform else None, pull_request=pull_request,
        created_after=parse_instant("created_after", created_after), created_before=parse_instant("created_before", created_before))
    found = runs.find_runs(wanted, RunSort(sort), limit=limit, offset=offset, cursor=cursor)
    return UnmadeAnswer(found.version, lambda: render_runs.run_page(found.page, api_base(), by_cursor=cursor is not None))


def create_run(body: dict[str, Any], idempotency_key: str | None = None) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Trigger a run, or several alike, or answer with those that this request has already made."""
    request = _request(body)
    with audited(AuditEvent.RUN_TRIGGERED) as deed:
        # Before anything is said of an earlier request with the same key: who lost the right gets no answer by repeating.
        _require_permission(Code(request.repository, request.commit_sha, request.pull_request))
        # What can be run is asked within the transaction, so that a repeat is answered even when that has changed meanwhile.
        run_ids = transact(partial(_create_runs, request, body, idempotency_key))
        deed.subject = f"run:{run_ids[0]}"
        deed.detail = " ".join([request.repository, request.commit_sha, *(f"run:{each}" for each in run_ids[1:])])
    wake()
    shown = render_runs.run(runs.load_run(run_ids[0]), api_base()) | {"run_ids": run_ids}
    return shown, HTTPStatus.ACCEPTED, {"Location": f"{api_base()}/runs/{run_ids[0]}"}


def _create_runs(request: RunRequest, body: dict[str, Any], key: str | None) -> list[int]:
    """Within a transaction: make as many runs as `repeat` says; each has an entry of its own under the Idempotency-Key."""
    made: list[int] = []
    for number in range(1, body["repeat"] + 1):
        marks = {"source_run_id": made[0], "reason": f"Repeats run {made[0]}, {number} of {body['repeat']}."} if made else {}
        operation = f"create_run {number}" if made else "create_run"
        made.append(_once(key, operation, body, partial(_create_run, request, marks)))
    return made


def _create_run(request: RunRequest, marks: dict[str, Any]) -> int:
    environment = choose_environment(
        request_context.collaborator(Environments).configured, request.environment_id, request.platform)
    return new_runs.create_run(NewRun(
        request=request, regression_ids=choose_tests(request.regression_ids, expected_tests.list_active_tests(), _known(request)),
        environment_id=environment.environment_id, requester_id=request_context.caller().user_id, created_at=request_context.now(),
        worker_token=request_context.collaborator(RandomSource).worker_token(),
        is_fork=not request_context.collaborator(RunPolicy).is_main(request.repository),
        restricted=request.regression_ids is not None, **marks))


async def get_run(
    request: Request, run_id: int, wait: int | None = None, if_none_match: str | None = None,
) -> Response:
    """Show a run; with `wait`, once its state changes or so many seconds have passed.

    A run that is over is shown at once, and so is one that has left the state which the client names (If-None-Match).
    """
    shown, state = await request_context.in_thread(_load_state, run_id)
    if wait and state is not None and (if_none_match is None or etag(shown) in if_none_match):
        await _wait(run_id, state, min(wait, request_context.values().max_wait))
        shown, _ = await request_context.in_thread(_load_state, run_id)
    return Response(shown, media_type=JSON)


async def _wait(run_id: int, state: str, seconds: float) -> None:
    """Wait until the run's state changes. Raises Unauthorized as soon as the caller may no longer have the answer."""
    with request_context.collaborator(RunWatch).waiter(run_id, state) as waiter, call_on_revocation(waiter.revoke):
        await waiter.wait(seconds)


def _load_state(run_id: int) -> tuple[bytes, str | None]:
    """A run as it is shown, and a text that changes with its state; None for one that is over, which never changes."""
    found = runs.show_run(run_id, request_context.now())
    state = None if found.status.is_finished else load_states([run_id])[run_id]
    return encode(render_runs.run(found, api_base())), state


def get_run_summary(run: Run) -> dict[str, Any]:
    """Count how the regression tests of a run fared."""
    return render_runs.run_summary(run, verdicts.load_summary(run))


def list_progress(run: Run, limit: int, offset: int, status: str | None = None) -> dict[str, Any]:
    """List what a run went through, oldest first, from its queued event on."""
    events = [render_runs.queued_event(run)]
    reported = with_late_events(verdicts.load_events(run), progress.list_late_events(run.run_id))
    events += [render_runs.progress_event(event, render_runs.stage(event)) for event in reported]
    return render_runs.page(slice_page([event for event in events if status in (None, event["status"])], limit, offset), dict)


def cancel_run(run_id: int, body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Cancel a run; one that is over stays as it is."""
    with audited(AuditEvent.RUN_CANCELED, f"run:{run_id}") as deed:
        cancellation = transact(partial(_cancel, run_id, body.get("reason")))
        deed.detail = cancellation.status.value
    return render_runs.cancellation(cancellation), HTTPStatus.ACCEPTED


def _cancel(run_id: int, reason: str | None) -> Cancellation:
    cancellation = cancel(runs.load_run(run_id, locked=True), request_context.caller(), reason)
    if cancellation.status is ActionStatus.ACCEPTED:
        words = cancellation.event_message or ""
        progress.record_event(run_id, Phase.CANCELED, words, at=request_context.now(), origin=EventOrigin(None))
        verdicts.derive_state(run_id)
    return cancellation


def retry_run(run: Run, body: dict[str, Any], idempotency_key: str | None = None) -> tuple[dict[str, Any], int]:
    """Make a new run like this one; the source stays as it is."""
    message = "This request has made its run already."

    def make() -> int:
        nonlocal message
        plan = plan_retry(verdicts.judge_run(run).tests, expected_tests.list_active_tests(), failed_only=body["failed_only"])
        message = render_runs.retry_message(plan)
        return new_runs.create_run(_retried(run, plan.regression_ids, body.get("reason")))

    with audited(AuditEvent.RUN_RETRIED, f"run:{run.run_id}") as deed:
        _authorize_retry(run)
        new_id = transact(lambda: _once(idempotency_key, f"retry_run {run.run_id}", body, make))
        deed.detail = f"run:{new_id}"
    wake()
    return render_runs.retry(run.run_id, new_id, message), HTTPStatus.ACCEPTED


def _authorize_retry(source: Run) -> None:
    authorize_action(request_context.caller(), source)
    _require_permission(
        Code(source.repository, source.commit, source.pull_request),
        triggered_by=find_triggering_logins(source.repository, source.commit))


def _require_permission(code: Code, triggered_by: Collection[str] = ()) -> None:
    require_permission(
        code, request_context.caller(), policy=request_context.collaborator(RunPolicy), github=request_context.collaborator(GitHub),
        triggered_by=triggered_by)


def _retried(source: Run, regression_ids: tuple[int, ...], reason: str | None) -> NewRun:
    return NewRun(
        request=request_like(source), regression_ids=regression_ids, environment_id=source.environment_id,
        requester_id=request_context.caller().user_id, created_at=request_context.now(),
        worker_token=request_context.collaborator(RandomSource).worker_token(),
        is_fork=not request_context.collaborator(RunPolicy).is_main(source.repository), restricted=True,
        source_run_id=source.run_id, reason=reason)


def get_run_config(run: Run) -> dict[str, Any]:
    """Show what a run is to execute, and where."""
    environment = request_context.collaborator(Environments).find(run.environment_id)
    average = None if environment is None else runs.average_duration(environment.platform)
    return render_runs.run_config(run, verdicts.load_expected(run), environment, average)


def api_base() -> str:
    """Where absolute links to operations of this API start."""
    return request_context.values().public_url + "/api/v1"


def _request(body: dict[str, Any]) -> RunRequest:
    chosen = body.get("regression_test_ids")
    return RunRequest(
        repository=body["repository"], commit_sha=body["commit_sha"], platform=Platform(body["platform"]),
        branch=body.get("branch"), pull_request=body.get("pull_request"),
        regression_ids=None if chosen is None else tuple(chosen), environment_id=body.get("environment_id"),
        parent_sha=body.get("parent_sha"), merge_base_sha=body.get("merge_base_sha"), shards=body["shards"])


def _known(request: RunRequest) -> frozenset[int]:
    return frozenset() if request.regression_ids is None else expected_tests.find_known_tests(request.regression_ids)


def _once(key: str | None, operation: str, body: dict[str, Any], make: Callable[[], int]) -> int:
    """Within a transaction: make a run, unless the request's Idempotency-Key says that it was made."""
    if key is None:
        return make()
    digest = hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
    request = RequestKey(request_context.caller().user_id, operation, key, digest)
    answered = find_answered_run(request, request_context.now())
    if answered is not None:
        return answered
    run_id = make()
    record_answer(request, run_id, request_context.now())
    return run_id
