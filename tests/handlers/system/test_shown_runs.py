"""Operations that show runs, or change regression tests, see what the platform's programs did just before; others leave runs alone."""
from __future__ import annotations

import pytest
from sqlalchemy import update

from api.domain.runs.run import Phase
from api.services.runs.platform_sync import judge_pending
from api.storage.database import session, transaction
from api.storage.runs.platform_changes import is_registered, look
from api.storage.tables.runs import RunRow
from contract.documents import Operation, load_documents
from contract.largest_requests import requests_of
from tests.builders import add_event, add_run
from tests.handlers.system.conftest import Abundant

# They come as forms with files, about one job, or about one run that they register themselves.
FORMS = {"submit_job", "submit_job_and_tell", "submit_job_async", "report", "report_at_root"}
OPERATIONS = [
    operation for document in load_documents() for operation in document.operations if operation.operation_id not in FORMS]
# What changes regression tests first freezes what each run of the platform's is to execute.
# The largest `create_regression_test` names an output twice, and is refused before.
FREEZING = {
    "update_regression_test", "delete_regression_test", "add_output", "update_output", "delete_output",
    "platform_create_regression_test", "platform_update_regression_test", "platform_delete_regression_test"}
SHOWN = [operation for operation in OPERATIONS if operation.raw.get("x-shows-runs")]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.operation_id)
def test_an_operation_knows_of_runs_that_the_platform_has_just_made_if_it_shows_or_freezes_them(
    abundant: Abundant, operation: Operation,
) -> None:
    run_id = add_run()

    answer, _ = abundant.ask(next(requests_of(operation, abundant.known)))
    session().rollback()

    is_to_know = bool(operation.raw.get("x-shows-runs")) or operation.operation_id in FREEZING
    assert is_registered(run_id) == is_to_know, (answer.status_code, answer.text[:200])


@pytest.mark.parametrize("operation", SHOWN, ids=lambda each: each.operation_id)
def test_an_operation_that_shows_runs_knows_what_has_just_happened_to_them(abundant: Abundant, operation: Operation) -> None:
    run_id = add_run()
    add_event(run_id, Phase.PREPARATION)
    abundant.ask(next(requests_of(operation, abundant.known)))
    event_id = add_event(run_id, Phase.TESTING)

    abundant.ask(next(requests_of(operation, abundant.known)))
    session().rollback()

    assert session().get_one(RunRow, run_id, populate_existing=True).last_progress_id == event_id
    assert not look().has_changes


@pytest.mark.parametrize("operation", [each for each in SHOWN if each.raw["x-shows-runs"] == "counted"], ids=lambda each: each.operation_id)
def test_what_counts_over_all_runs_waits_until_all_are_judged(abundant: Abundant, operation: Operation) -> None:
    asked = next(requests_of(operation, abundant.known))
    with transaction():
        session().execute(update(RunRow).where(RunRow.run_id == abundant.known["run_id"]).values(rules_version=0))

    waiting, _ = abundant.ask(asked)
    judge_pending(100)
    session().rollback()
    judged, _ = abundant.ask(asked)

    assert (waiting.status_code, int(waiting.headers["Retry-After"]) > 0, judged.status_code) == (503, True, 200)


def test_every_operation_that_has_a_run_in_its_path_shows_runs() -> None:
    lacking = {each.operation_id for each in OPERATIONS if "{run_id}" in each.path} - {each.operation_id for each in SHOWN}

    assert lacking == set()
