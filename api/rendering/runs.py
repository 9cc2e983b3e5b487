"""Runs as JSON, within the contract's bounds; `altered_fields` names what was changed to fit."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any, TypeVar

from orjson import Fragment

from api.domain.auth.access import PLATFORM_SCOPES, Caller, Scope
from api.domain.auth.token import NewToken, TokenRecord
from api.domain.display_bounds import cut, cut_optional, run_errors, short_commit, shown_commit, shown_email, shown_repository
from api.domain.health import Dependency
from api.domain.instant import NO_INSTANT
from api.domain.page import Page
from api.domain.runs.cancel import Cancellation
from api.domain.runs.environment import Environment
from api.domain.runs.expected_tests import ExpectedTest, ExpectedTests
from api.domain.runs.progress import STAGES
from api.domain.runs.queue import QueuedRun
from api.domain.runs.retry import RetryPlan
from api.domain.runs.run import ProgressEvent, Run
from api.domain.runs.summary import Summary
from api.specfirst.responses.json_responses import encode
from api.specfirst.responses.row_members import Members, only

T = TypeVar("T")
Json = dict[str, Any]

MATRIX_LIMIT = 500
REMEMBERED_RUNS = 1024
COMMAND_DEFAULTS = ["--no-progress-bar"]


def page(found: Page[T], render: Callable[[T], Any]) -> Json:
    """A page of a list."""
    return {
        "data": [render(item) for item in found.items],
        "pagination": {"limit": found.limit, "offset": found.offset, "total": found.total, "next_offset": found.next_offset}}


def run_page(found: Page[Run], base: str, *, by_cursor: bool) -> Json:
    """A page of runs, which also says where the next one starts by cursor."""
    shown = page(found, lambda each: partial(_encoded_run, each, base))
    shown["pagination"]["next_cursor"] = found.next_cursor
    if by_cursor:
        shown["pagination"] |= {"offset": 0, "next_offset": None}
    return shown


@lru_cache(maxsize=REMEMBERED_RUNS)
def _encoded_run(found: Run, base: str, members: Members) -> Fragment:
    # Most of the runs of a list were in the one before, unchanged.
    return Fragment(encode(only(run(found, base), members)))


def run(found: Run, base: str) -> Json:
    """A run; `base` is where the API's absolute links start."""
    stored: Mapping[str, Any] = {
        "repository": found.repository, "branch": found.branch, "commit_sha": found.commit,
        "triggered_by": found.requester.name if found.requester else None}
    shown = {
        "repository": shown_repository(found.repository), "branch": cut_optional(found.branch, 100),
        "commit_sha": shown_commit(found.commit), "triggered_by": cut_optional(stored["triggered_by"], 100)}
    return marked(stored, shown, unreadable_in(found.altered)) | {
        "run_id": found.run_id, "status": found.status.value, "commit_short": short_commit(found.commit),
        "pull_request": found.pull_request, "platform": found.platform.value, "run_errors": run_errors(found),
        "created_at": found.created_at, "queued_at": found.created_at, "started_at": found.started_at,
        "completed_at": found.completed_at, "duration_ms": found.duration_ms, "source_run_id": found.source_run_id,
        "replaced_by": found.replaced_by,
        "environment_id": found.environment_id, "reason": found.reason, "parent_sha": found.parent_sha,
        "merge_base_sha": found.merge_base_sha, "build_duration_ms": found.build_duration_ms, "shards": found.shards,
        "links": run_links(found.run_id, base)}


def unreadable_in(altered: Sequence[str]) -> list[str]:
    """The fields of a run that are not what its rows say; without a time there is no duration either."""
    return [*altered, *(["duration_ms"] if {"started_at", "completed_at"} & set(altered) else [])]


BELOW_RUN = {
    "summary": "summary", "triage": "triage", "compare": "compare", "progress": "progress", "config": "config", "samples": "samples",
    "errors": "errors", "infrastructure_errors": "infrastructure-errors", "logs": "logs", "artifacts": "artifacts", "junit": "junit.xml"}


def run_links(run_id: int, base: str) -> dict[str, str]:
    """The addresses of what belongs to a run."""
    own = f"{base}/runs/{run_id}"
    return {"self": own} | {name: f"{own}/{path}" for name, path in BELOW_RUN.items()}


def run_summary(found: Run, counts: Summary) -> Json:
    """The counts of a run."""
    unreadable = [name for name in unreadable_in(found.altered) if name in ("completed_at", "duration_ms")]
    name = None if found.requester is None else found.requester.name
    return marked({"triggered_by": name}, {"triggered_by": cut_optional(name, 100)}, unreadable) | {
        "run_id": found.run_id, "status": found.status.value, "total_samples": counts.total_samples,
        "pass_count": counts.pass_count, "fail_count": counts.fail_count, "skipped_count": counts.skipped_count,
        "missing_output_count": counts.missing_output_count, "pending_count": counts.pending_count,
        "error_count": counts.error_count, "infrastructure_error_count": counts.infrastructure_error_count,
        "duration_ms": found.duration_ms, "completed_at": found.completed_at}


def progress_event(event: ProgressEvent, step: int | None) -> Json:
    """One event of a run's progress; `step` is its 0-based stage, null at the end."""
    shown = {"message": cut(event.message, 500)}
    return marked({"message": event.message}, shown, () if event.dated else ("timestamp",)) | {
        "timestamp": event.at, "status": event.phase.value, "step": step}


def stage(event: ProgressEvent) -> int | None:
    """The stage of an event: 0 is queued, 1 preparation, 2 testing; none at the end."""
    return None if event.phase.is_finished else STAGES[event.phase] + 1


def queued_event(found: Run) -> Json:
    """The event with which every run's progress starts; it stands in the run's own record."""
    return {"timestamp": found.created_at, "status": "queued", "message": "Queued.", "step": 0}


def run_config(found: Run, expected: ExpectedTests, environment: Environment | None, average: timedelta | None) -> Json:
    """What a run is to execute, and where."""
    shown = expected.tests[:MATRIX_LIMIT]
    content: Json = {
        "run_id": found.run_id, "matrix": [matrix_entry(test) for test in shown], "matrix_total": len(expected.tests),
        "regression_test_ids": [test.regression_id for test in shown], "regression_test_ids_total": len(expected.tests),
        "command_defaults": COMMAND_DEFAULTS}
    if environment is not None:
        content["environment"] = environment_of(environment, average)
    altered = ["matrix", "regression_test_ids"] if len(shown) < len(expected.tests) else []
    return content | ({"altered_fields": altered} if altered else {})


def matrix_entry(test: ExpectedTest) -> Json:
    """One regression test of a run's configuration."""
    return {
        "regression_id": test.regression_id, "sample_id": test.sample_id, "command": cut(test.command, 500),
        "input_type": cut(test.input_type, 50), "output_type": cut(test.output_type, 50),
        "expected_exit_code": test.expected_exit_code}


def cancellation(found: Cancellation) -> Json:
    """What became of a cancel."""
    return {"run_id": found.run_id, "action": "cancel", "status": found.status.value, "message": found.message}


def retry(run_id: int, new_run_id: int, message: str) -> Json:
    """What became of a retry."""
    return {"run_id": run_id, "new_run_id": new_run_id, "action": "retry", "status": "accepted", "message": message}


def retry_message(plan: RetryPlan) -> str:
    """What the caller of a retry is told."""
    return cut(plan.message, 500)


def queued_run(found: QueuedRun) -> Json:
    """A run that waits or is being executed."""
    unreadable = [name for name in found.altered if name in ("platform", "queued_at", "started_at")]
    return marked({}, {}, unreadable) | {
        "run_id": found.run_id, "status": found.status.value, "platform": found.platform.value,
        "queued_at": found.queued_at, "started_at": found.started_at, "position": found.position}


def environment_of(found: Environment, average: timedelta | None) -> Json:
    """An environment, with the mean duration of its platform's last finished runs."""
    return {
        "environment_id": found.environment_id, "platform": found.platform.value, "active": found.active,
        "runner_label": found.runner_label,
        "average_duration_ms": None if average is None else round(average.total_seconds() * 1000)}


def issued_token(token_id: int, token: NewToken) -> Json:
    """A new token, with its value: the one time that it is shown."""
    return {
        "token": token.value, "token_type": "Bearer", "token_id": token_id, "token_name": token.name,
        "token_prefix": token.prefix, "scopes": shown_scopes(token.scopes), "created_at": token.created_at,
        "expires_at": token.expires_at}


def token_record(found: TokenRecord, caller: Caller) -> Json:
    """What may be shown of a token."""
    stored = {"token_name": found.name, "token_prefix": found.prefix}
    unreadable = ("created_at",) if found.created_at == NO_INSTANT else ()
    return marked(stored, {"token_name": cut(found.name, 50), "token_prefix": cut(found.prefix, 16)}, unreadable) | {
        "token_id": found.token_id, "scopes": shown_scopes(found.scopes), "created_at": found.created_at,
        "expires_at": found.expires_at,
        "current": found.token_id == caller.token_id}


def shown_scopes(scopes: Iterable[Scope]) -> list[str]:
    """The scopes that the contract has words for; the others are good for the platform's own API alone."""
    return [scope.value for scope in scopes if scope not in PLATFORM_SCOPES]


def me(caller: Caller, token: TokenRecord) -> Json:
    """Who the caller is, and what the token of the request is good for now."""
    stored = {"name": caller.name, "email": caller.email, "github_login": caller.github_login}
    shown = {
        "name": cut(caller.name, 100), "email": shown_email(caller.email, caller.user_id),
        "github_login": cut_optional(caller.github_login, 100)}
    return marked(stored, shown) | {
        "user_id": caller.user_id, "role": caller.role.value, "scopes": sorted(shown_scopes(caller.scopes)),
        "token": token_record(token, caller)}


def branch(repository: str, name: str, head: str, active: bool) -> Json:
    """A branch that runs were made of."""
    stored = {"repository": repository, "name": name, "head_sha": head}
    shown = {"repository": shown_repository(repository), "name": cut(name, 100), "head_sha": shown_commit(head)}
    return marked(stored, shown) | {"active": active}


def health(status: str, at: datetime, dependencies: Iterable[Dependency]) -> Json:
    """The state of the system and of what it depends on."""
    return {
        "status": status, "checked_at": at,
        "dependencies": [{"name": each.name, "status": each.status, "message": each.message} for each in dependencies]}


def marked(stored: Mapping[str, Any], shown: Json, unreadable: Iterable[str] = ()) -> Json:
    """What is shown, with the names of those fields that do not hold what is stored, or for which nothing that can be read is."""
    altered = list(dict.fromkeys([*(name for name, value in shown.items() if value != stored[name]), *unreadable]))
    return shown | ({"altered_fields": altered} if altered else {})
