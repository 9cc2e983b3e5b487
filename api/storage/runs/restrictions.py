"""What the platform's own programs say of a run after they made it, in another transaction: its tests, and who asked for it."""
from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Integer, case, exists, func, or_, select, update

from api.domain.runs.expected_tests import ExpectedTests
from api.domain.runs.run import RunStatus
from api.storage.catalog.regression_tests import load_definitions
from api.storage.database import change, read, session
from api.storage.platform_tables import CustomizedTestRow, TestForkRow, UserRow
from api.storage.runs.expected_tests import customized_tests_of, parsed_set, save_expected_tests
from api.storage.tables.runs import ExpectedTestsRow, RunRow

_ASKED = (
    select(func.min(TestForkRow.user_id, type_=Integer)).join(UserRow, UserRow.id == TestForkRow.user_id)
    .where(TestForkRow.test_id == RunRow.run_id).correlate(RunRow).scalar_subquery())
_NEW_REQUESTER = case((RunRow.requester_id.is_(None), _ASKED))
_IS_RESTRICTED = exists().where(CustomizedTestRow.test_id == RunRow.run_id)
# Of the runs that wait, those of which anything was said; who asked for them where that was not known.
_SAID = select(RunRow.run_id, _NEW_REQUESTER.label("requester_id")).where(
    RunRow.status == RunStatus.QUEUED.value, or_(_IS_RESTRICTED, _NEW_REQUESTER.is_not(None)))


def list_overtaken_runs() -> list[int]:
    """The ids of queued runs of which the platform's programs said more since they were seen."""
    rows = read(_SAID)
    other = _find_other_sets([row.run_id for row in rows])
    return [row.run_id for row in rows if row.requester_id is not None or row.run_id in other]


def follow_restrictions(run_ids: Collection[int]) -> dict[int, int]:
    """Within a transaction: note who asked for these queued runs, and freeze anew those that are restricted to other tests by now.

    Returns the ids of the new sets by run id.
    """
    if not run_ids:
        return {}
    rows = session().execute(_SAID.where(RunRow.run_id.in_(run_ids))).all()
    for row in rows:
        if row.requester_id is not None:
            change(update(RunRow).where(RunRow.run_id == row.run_id).values(requester_id=row.requester_id))
    return {run_id: save_expected_tests(other) for run_id, other in _find_other_sets([row.run_id for row in rows]).items()}


def _find_other_sets(run_ids: Collection[int]) -> dict[int, ExpectedTests]:
    chosen = customized_tests_of(run_ids) if run_ids else {}
    if not chosen:
        return {}
    rows = session().execute(
        select(RunRow.run_id, ExpectedTestsRow.digest).join(ExpectedTestsRow, ExpectedTestsRow.id == RunRow.expected_tests_id)
        .where(RunRow.run_id.in_(chosen))).all()
    frozen = {run_id: parsed_set(digest) for run_id, digest in rows}
    other = {run_id: tests for run_id, tests in frozen.items() if tests.by_id.keys() != chosen[run_id]}
    definitions = load_definitions() if other else ExpectedTests(())
    made = {run_id: _restricted(tests, chosen[run_id], definitions) for run_id, tests in other.items()}
    # A run may be restricted to what is not defined.
    return {run_id: tests for run_id, tests in made.items() if tests != frozen[run_id]}


def _restricted(frozen: ExpectedTests, chosen: frozenset[int], definitions: ExpectedTests) -> ExpectedTests:
    """These tests, each as it was frozen if it was, else as it is defined now."""
    return ExpectedTests.of([*frozen.only(chosen).tests, *definitions.only(chosen - frozen.by_id.keys()).tests])
