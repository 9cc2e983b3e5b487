"""Operations that show runs see what the platform's programs did just before; all others leave runs alone."""
from __future__ import annotations

import pytest

from api.domain.runs.run import Phase
from api.storage.database import session
from api.storage.runs.platform_changes import has_changes, is_registered
from api.storage.tables import RunRow
from contract.documents import Operation, load_documents
from contract.largest_requests import requests_of
from tests.builders import add_event, add_run
from tests.handlers.system.conftest import Abundant

# They come as forms with files, about one job, or about one run that they register themselves.
FORMS = {"submit_job", "submit_job_and_tell", "submit_job_async", "report", "report_at_root"}
OPERATIONS = [
    operation for document in load_documents() for operation in document.operations if operation.operation_id not in FORMS]
SHOWN = [operation for operation in OPERATIONS if operation.raw.get("x-shows-runs")]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.operation_id)
def test_an_operation_knows_of_runs_that_the_platform_has_just_made_if_it_shows_runs(abundant: Abundant, operation: Operation) -> None:
    run_id = add_run()

    answer, _ = abundant.ask(next(requests_of(operation, abundant.known)))
    session().rollback()

    assert is_registered(run_id) == bool(operation.raw.get("x-shows-runs")), (answer.status_code, answer.text[:200])


@pytest.mark.parametrize("operation", SHOWN, ids=lambda each: each.operation_id)
def test_an_operation_that_shows_runs_knows_what_has_just_happened_to_them(abundant: Abundant, operation: Operation) -> None:
    run_id = add_run()
    add_event(run_id, Phase.PREPARATION)
    abundant.ask(next(requests_of(operation, abundant.known)))
    event_id = add_event(run_id, Phase.TESTING)

    abundant.ask(next(requests_of(operation, abundant.known)))
    session().rollback()

    assert session().get_one(RunRow, run_id, populate_existing=True).last_progress_id == event_id
    assert not has_changes()


def test_every_operation_that_has_a_run_in_its_path_shows_runs() -> None:
    lacking = {each.operation_id for each in OPERATIONS if "{run_id}" in each.path} - {each.operation_id for each in SHOWN}

    assert lacking == set()
