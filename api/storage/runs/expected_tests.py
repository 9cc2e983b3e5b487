"""Stores frozen sets of expected tests, each once, and lists the tests that a new set takes."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from functools import lru_cache

from sqlalchemy import ColumnElement, and_, bindparam, select
from sqlalchemy.exc import IntegrityError

from api.domain.runs.expected_tests import ExpectedTests, parse_expected_tests
from api.domain.runs.run import RunStatus
from api.storage.column_types import is_id, is_on
from api.storage.database import read, session
from api.storage.platform_tables import CustomizedTestRow, RegressionTestRow, SampleRow
from api.storage.tables.runs import ExpectedTestsRow, RunRow

SETS_IN_MEMORY = 64
_DIGEST = select(ExpectedTestsRow.digest).where(ExpectedTestsRow.id == bindparam("expected_tests_id"))


def load_expected_tests(expected_tests_id: int | None) -> ExpectedTests:
    """Load the frozen set with this id. None, the id of a run for which no test was expected, gives an empty set."""
    if expected_tests_id is None:
        return ExpectedTests(())
    [[digest]] = read(_DIGEST, {"expected_tests_id": expected_tests_id})
    return parsed_set(digest)


@lru_cache(maxsize=SETS_IN_MEMORY)
def parsed_set(digest: str) -> ExpectedTests:
    """The frozen set with this digest, which must be stored."""
    # The digest names the content, so a parsed set never goes stale, whatever database it was read from.
    return parse_expected_tests(session().execute(select(ExpectedTestsRow.body).where(ExpectedTestsRow.digest == digest)).scalar_one())


def save_expected_tests(expected: ExpectedTests) -> int:
    """Store a set unless an equal one is stored already. Returns the set's id."""
    digest = expected.digest
    wanted = select(ExpectedTestsRow.id).where(ExpectedTestsRow.digest == digest)
    found = session().execute(wanted).scalar_one_or_none()
    if found is not None:
        return found
    row = ExpectedTestsRow(digest=digest, body=expected.serialized())
    try:
        with session().begin_nested():
            session().add(row)
    except IntegrityError:
        # Another process stored the same set a moment ago; a locking read sees it.
        return session().execute(wanted.with_for_update()).scalar_one()
    return row.id


def list_active_tests() -> frozenset[int]:
    """The ids of all active regression tests."""
    return frozenset(session().execute(select(RegressionTestRow.id).where(is_on(RegressionTestRow.active), is_defined())).scalars())


def find_known_tests(regression_ids: Collection[int]) -> frozenset[int]:
    """Return those of the ids that belong to a regression test, active or not."""
    return frozenset(session().execute(select(RegressionTestRow.id).where(RegressionTestRow.id.in_(regression_ids))).scalars())


def is_defined() -> ColumnElement[bool]:
    """The condition that a regression test and its sample have ids that the API allows; only such a test is run and shown."""
    return and_(is_id(RegressionTestRow.id), RegressionTestRow.sample_id.in_(select(SampleRow.id).where(is_id(SampleRow.id))))


def list_customized_tests(run_id: int) -> frozenset[int]:
    """The ids of the regression tests that a run was restricted to; empty if it was not restricted."""
    return customized_tests_of([run_id]).get(run_id, frozenset())


def customized_tests_of(run_ids: Collection[int]) -> dict[int, frozenset[int]]:
    """The ids of the regression tests that these runs were restricted to, by run id. Runs that were not restricted are left out."""
    found: defaultdict[int, set[int]] = defaultdict(set)
    rows = session().execute(
        select(CustomizedTestRow.test_id, CustomizedTestRow.regression_id).where(CustomizedTestRow.test_id.in_(run_ids)))
    for run_id, regression_id in rows:
        found[run_id].add(regression_id)
    return {run_id: frozenset(tests) for run_id, tests in found.items()}


def find_waiting_runs(regression_id: int) -> list[int]:
    """The runs that are not over and whose frozen set has this regression test."""
    unfinished = [status.value for status in RunStatus if not status.is_finished]
    rows = session().execute(
        select(RunRow.run_id, RunRow.expected_tests_id).where(RunRow.status.in_(unfinished)).order_by(RunRow.run_id)).all()
    having = {
        set_id for set_id in {row.expected_tests_id for row in rows} if regression_id in load_expected_tests(set_id).by_id}
    return [run_id for run_id, set_id in rows if set_id in having]
