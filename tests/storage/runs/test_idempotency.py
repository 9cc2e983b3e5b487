"""Requests with an Idempotency-Key: one run each, for a day, also when twins arrive at once."""
from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select

from api.domain.errors import Unprocessable
from api.storage.database import session, transact, transaction
from api.storage.platform_tables import TestRow
from api.storage.runs.idempotency import VALID_FOR, RequestKey, find_answered_run, record_answer
from api.storage.runs.new_runs import create_run
from api.storage.tables.runs import IdempotencyKeyRow
from tests.builders import NOW, add_user, digest_of
from tests.databases import Database
from tests.storage.runs.requests import new_run


def a_request(user_id: int, key: str = "key") -> RequestKey:
    return RequestKey(user_id, "create_run", key, digest_of("body"))


def once(request: RequestKey, *, after: timedelta = timedelta()) -> int:
    """Make a run, unless the request made one already."""
    def work() -> int:
        found = find_answered_run(request, NOW + after)
        if found is not None:
            return found
        run_id = create_run(new_run([], requester_id=request.user_id))
        record_answer(request, run_id, NOW + after)
        return run_id

    return transact(work)


def count_runs() -> int:
    session().rollback()
    return session().execute(select(func.count()).select_from(TestRow)).scalar_one()


def test_the_same_request_again_is_answered_with_its_run(database: Database) -> None:
    request = a_request(add_user())

    assert once(request) == once(request)
    assert count_runs() == 1


@pytest.mark.parametrize("change", [{"key": "Key"}, {"key": "ke\u0301y"}, {"operation": "retry_run 1"}, {"user_id": 0}])
def test_another_request_makes_another_run(database: Database, change: dict[str, str | int]) -> None:
    request = a_request(add_user())
    if "user_id" in change:
        change = {"user_id": add_user()}

    first, second = once(request), once(replace(request, **change))  # type: ignore[arg-type]

    assert first != second


def test_a_key_with_another_body_is_refused(database: Database) -> None:
    request = a_request(add_user())
    once(request)

    with pytest.raises(Unprocessable):
        once(replace(request, body_digest=digest_of("another body")))
    assert count_runs() == 1


def test_a_key_is_forgotten_after_a_day(database: Database) -> None:
    request = a_request(add_user())
    first = once(request)

    within = once(request, after=VALID_FOR)
    later = once(request, after=VALID_FOR + timedelta(microseconds=1))

    assert within == first != later
    assert session().execute(select(func.count()).select_from(IdempotencyKeyRow)).scalar_one() == 1


def test_twins_that_arrive_at_once_make_one_run(database: Database) -> None:
    user = add_user()
    for number in range(3):
        request = a_request(user, f"key {number}")

        made = database.together(*[lambda request=request: once(request)] * 6)

        assert len(set(made)) == 1
    assert count_runs() == 3


def test_an_answer_goes_with_its_run(database: Database) -> None:
    request = a_request(add_user())
    first = once(request)
    with transaction():
        session().execute(delete(TestRow))

    second = once(request)

    assert (count_runs(), second == first) in ((1, True), (1, False))
    assert session().execute(select(IdempotencyKeyRow.run_id)).scalar_one() == second
