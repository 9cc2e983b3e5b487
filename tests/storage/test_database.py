"""Transactions that are begun again, instants that are UTC, and rows of anybody's words."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from api.domain.instant import LAST
from api.storage.column_types import UtcDateTime
from api.storage.database import ATTEMPTS, TransactionConflict, session, transact, transaction
from api.storage.platform_tables import GeneralDataRow, ProgressRow, TagRow
from api.storage.tables.runs import RunRow
from tests.builders import NOW, add_event, add_run, minutes, save
from tests.databases import Database


def value_of(key: str) -> str:
    session().rollback()
    return session().execute(select(GeneralDataRow.value).where(GeneralDataRow.key == key)).scalar_one()


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    def fail() -> None:
        session().add(TagRow(name="a"))
        session().flush()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        transact(fail)

    assert session().execute(select(func.count()).select_from(TagRow)).scalar_one() == 0


def test_what_was_read_before_a_transaction_is_read_anew_in_it(database: Database) -> None:
    save(GeneralDataRow(key="a", value="old"))
    row = session().execute(select(GeneralDataRow)).scalar_one()
    before = row.value
    database.together(lambda: transact(partial(set_value, "a", "new")))

    with transaction():
        within = session().execute(select(GeneralDataRow)).scalar_one().value

    assert (before, within) == ("old", "new")


def set_value(key: str, value: str) -> None:
    session().execute(update(GeneralDataRow).where(GeneralDataRow.key == key).values(value=value))


def test_work_that_was_overtaken_is_done_again_from_its_start(database: Database) -> None:
    tries: list[int] = []

    def work() -> int:
        tries.append(len(tries))
        session().add(TagRow(name=f"try {len(tries)}"))
        session().flush()
        if len(tries) < 3:
            raise TransactionConflict
        return len(tries)

    assert transact(work) == 3
    assert session().execute(select(TagRow.name)).scalars().all() == ["try 3"]


def test_work_that_is_overtaken_every_time_gives_up(database: Database) -> None:
    tries: list[int] = []

    def work() -> None:
        tries.append(0)
        raise TransactionConflict

    with pytest.raises(TransactionConflict):
        transact(work)
    assert len(tries) == ATTEMPTS


def test_a_fault_of_the_work_itself_is_not_tried_again(database: Database) -> None:
    save(TagRow(name="a"))
    tries: list[int] = []

    def work() -> None:
        tries.append(0)
        session().add(TagRow(name="a"))
        session().flush()

    with pytest.raises(IntegrityError):
        transact(work)
    assert len(tries) == 1


def test_writers_that_lock_each_other_out_all_get_through(database: Database) -> None:
    for key in ("a", "b"):
        save(GeneralDataRow(key=key, value="0"))

    def count_up(first: str, second: str) -> None:
        for key in (first, second):
            row = session().execute(select(GeneralDataRow).where(GeneralDataRow.key == key).with_for_update()).scalar_one()
            row.value = str(int(row.value) + 1)
            session().flush()

    def work(number: int) -> None:
        for _ in range(5):
            transact(partial(count_up, *("ab" if number % 2 else "ba")))

    database.together(*[partial(work, number) for number in range(4)])

    assert (value_of("a"), value_of("b")) == ("20", "20")


INSTANTS = st.datetimes(datetime(1970, 1, 2), LAST.replace(tzinfo=None), timezones=st.just(UTC))


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(instant=INSTANTS, hours=st.integers(-14, 14))
def test_an_instant_comes_back_as_it_was_in_utc(
    request: pytest.FixtureRequest, kind: str, instant: datetime, hours: int,
) -> None:
    request.getfixturevalue(f"{kind}_database")
    local = instant.astimezone(timezone(timedelta(hours=hours)))
    run_id = add_run()
    event_id = add_event(run_id, "testing", at=local)
    save(RunRow(run_id=run_id, platform="linux", repository="a/b", commit_sha="c", created_at=local, status="queued"))

    exact = session().get_one(RunRow, run_id).created_at
    whole = session().get_one(ProgressRow, event_id).timestamp
    session().rollback()

    assert exact == instant
    assert whole == instant.replace(microsecond=0)
    assert exact.tzinfo is whole.tzinfo is UTC


def test_an_instant_without_a_time_zone_is_refused(database: Database) -> None:
    with pytest.raises(ValueError, match="time zone"):
        UtcDateTime().process_bind_param(NOW.replace(tzinfo=None), database.engine.dialect)


@pytest.mark.parametrize("words", ["", "plain", "Größe", "🎬 take", "a\x00b", "x" * 10_000, "'; DROP TABLE test; --", "%s %(a)s :b"])
def test_anybodys_words_are_kept_as_they_are(database: Database, words: str) -> None:
    event_id = add_event(add_run(), "testing", words, at=minutes(1))

    assert session().get_one(ProgressRow, event_id).message == words
