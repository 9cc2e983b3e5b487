"""Workers' secrets: dead a while after their run's end, and then gone from a database of our own."""
from __future__ import annotations

from datetime import timedelta
from itertools import count

from sqlalchemy import select

from api.background.sweeper import ERASE_BATCH_SIZE, SecretErasure, Sweeper
from api.domain.random_source import RandomSource
from api.domain.runs.run import Phase
from api.services.runs.platform_sync import catch_up
from api.services.runs.worker_access import is_worker_token
from api.storage.database import session, transact
from api.storage.platform_tables import TestRow
from api.storage.runs.worker_secrets import erase_dead_secrets
from tests.builders import NOW, add_event, add_run, digest_of
from tests.databases import Database

GRACE = timedelta(hours=1)
LATER = NOW + GRACE + timedelta(seconds=1)


def chance() -> RandomSource:
    numbers = count()
    return RandomSource(lambda length: next(numbers).to_bytes(length, "big"))


def over() -> int:
    """A run that ended now."""
    run_id = add_run()
    add_event(run_id, Phase.COMPLETED)
    catch_up(NOW)
    return run_id


def secrets() -> dict[int, str]:
    session().rollback()
    return {run_id: token for run_id, token in session().execute(select(TestRow.id, TestRow.token))}


def test_the_secret_of_a_run_is_erased_once_its_grace_period_is_over(database: Database) -> None:
    ended, waits, tested = over(), add_run(), add_run()
    add_event(tested, Phase.TESTING)
    before = secrets()
    sweeper = Sweeper(database.app, lambda: NOW + GRACE, erasing=SecretErasure(GRACE, chance()))
    late = Sweeper(database.app, lambda: LATER, erasing=SecretErasure(GRACE, chance()))

    sweeper.sweep()
    kept = secrets()
    late.sweep()
    after = secrets()

    assert kept == before
    assert {run_id for run_id in before if after[run_id] != before[run_id]} == {ended}
    assert {after[waits], after[tested]} == {before[waits], before[tested]}
    assert not is_worker_token(ended, before[ended], NOW, GRACE)


def test_what_stands_in_a_secrets_place_is_nobodys_and_another_for_each(database: Database) -> None:
    runs = {over() for _ in range(5)}
    before = secrets()

    erased = transact(lambda: erase_dead_secrets(LATER, chance(), most=10))
    after = secrets()

    assert erased == 5
    assert len({after[run_id] for run_id in runs}) == 5
    assert not set(after.values()) & set(before.values())
    assert all(len(after[run_id]) <= 64 and after[run_id].startswith("-") for run_id in runs)


def test_secrets_are_erased_in_batches_and_each_once(database: Database) -> None:
    for _ in range(7):
        over()
    same = chance()

    erased = [transact(lambda: erase_dead_secrets(LATER, same, most=3)) for _ in range(4)]

    assert erased == [3, 3, 1, 0]
    assert ERASE_BATCH_SIZE <= 500


def test_however_secrets_are_written_the_marks_stand_before_them(database: Database) -> None:
    for token in ("0" * 64, "A" * 64, "b" * 64, "z" * 64, "Y" * 64, "9" * 64, digest_of("x")):
        run_id = add_run(token=token)
        add_event(run_id, Phase.COMPLETED)
    catch_up(NOW)

    assert [transact(lambda: erase_dead_secrets(LATER, chance(), most=100)) for _ in range(2)] == [7, 0]


def test_on_a_shared_database_secrets_are_left_to_the_platform(database: Database) -> None:
    over()
    before = secrets()

    Sweeper(database.app, lambda: LATER).sweep()

    assert secrets() == before


def test_on_a_database_that_is_shared_the_secrets_stay_the_platforms(database: Database) -> None:
    over()
    before = secrets()

    Sweeper(database.app, lambda: LATER, erasing=SecretErasure(GRACE, chance(), lambda: True)).sweep()

    assert secrets() == before
