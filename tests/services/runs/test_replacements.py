"""Runs in place of lost ones: one for each, a few in a row, none that nobody wants any more."""
from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import NoResultFound

from api.domain.random_source import RandomSource
from api.domain.runs.run import Phase, Run, RunStatus
from api.installation import SYSTEM_RANDOM
from api.services.runs import runs
from api.services.runs.leases import claim_run, give_up_expired_leases
from api.services.runs.platform_sync import catch_up
from api.services.runs.replacements import MAX_IN_A_ROW, replace_run
from api.storage.database import session, transact, transaction
from api.storage.platform_tables import TestForkRow, TestRow
from api.storage.runs.expected_tests import load_expected_tests
from api.storage.runs.leases import Holder
from api.storage.runs.new_runs import create_run
from api.storage.runs.progress import list_events
from api.storage.tables.runs import RunReplacementRow, RunRow
from tests.builders import MAIN_REPOSITORY, NOW, BuiltTest, add_fork, add_regression_test, add_run, add_user, minutes
from tests.databases import Database
from tests.platform_writes import change_run, deactivate, delete_events, delete_run
from tests.services.acting import cancel, create, status_of
from tests.storage.runs.requests import new_run

LEASE = timedelta(minutes=5)


@pytest.fixture
def test(database: Database) -> BuiltTest:
    return add_regression_test()


def lose(*, at: float = 0) -> int | None:
    """Have a worker take the oldest run and vanish; the run's id."""
    session().rollback()
    claim = claim_run(Holder("w", "s"), "linux", MAIN_REPOSITORY, now=minutes(at), lease=LEASE)
    give_up_expired_leases(minutes(at + 6), SYSTEM_RANDOM)
    return None if claim is None else claim.run_id


def load(run_id: int) -> Run:
    session().rollback()
    return runs.load_run(run_id)


def all_runs() -> list[int]:
    session().rollback()
    return list(session().execute(select(TestRow.id).order_by(TestRow.id)).scalars())


def test_a_lost_run_is_queued_anew_and_each_names_the_other(test: BuiltTest) -> None:
    run_id = create(test, requester_id=add_user())

    lose()

    (replacement_id,) = set(all_runs()) - {run_id}
    lost, replacement = load(run_id), load(replacement_id)
    assert (lost.status, lost.replaced_by, lost.source_run_id) == (RunStatus.CANCELED, replacement_id, None)
    assert (replacement.status, replacement.replaced_by, replacement.source_run_id) == (RunStatus.QUEUED, None, run_id)
    assert replacement.reason == f"Replaces run {run_id}, whose worker was lost."
    same = ("platform", "repository", "branch", "commit", "pull_request", "requester", "environment_id", "parent_sha", "merge_base_sha")
    assert [getattr(replacement, name) for name in same] == [getattr(lost, name) for name in same]
    assert load_expected_tests(replacement.expected_tests_id) == load_expected_tests(lost.expected_tests_id)
    tokens = session().execute(select(TestRow.token).where(TestRow.id.in_([run_id, replacement_id]))).scalars().all()
    assert len(set(tokens)) == 2


def test_a_run_is_attempted_once_however_its_worker_was_lost(test: BuiltTest) -> None:
    run_id = create(test)

    lose()

    assert [event.phase for event in list_events(run_id)] == [Phase.PREPARATION, Phase.CANCELED]


def test_of_servers_that_sweep_at_once_one_queues_a_replacement(database: Database, test: BuiltTest) -> None:
    made = [create(test) for _ in range(3)]
    for _ in made:
        claim_run(Holder("w", "s"), "linux", MAIN_REPOSITORY, now=NOW, lease=LEASE)
    session().rollback()

    database.together(*[lambda: give_up_expired_leases(minutes(6), SYSTEM_RANDOM)] * 6)

    assert len(all_runs()) == 6
    assert len({load(run_id).replaced_by for run_id in made}) == 3


def test_no_more_than_a_few_runs_in_a_row_are_queued_for_one(test: BuiltTest) -> None:
    create(test)

    lost = [lose(at=10 * number) for number in range(MAX_IN_A_ROW + 2)]

    assert [run_id is not None for run_id in lost] == [True] * (MAX_IN_A_ROW + 1) + [False]
    assert load(all_runs()[-1]).replaced_by is None


def test_a_run_that_a_person_canceled_is_not_queued_anew(test: BuiltTest) -> None:
    run_id = create(test)
    claim_run(Holder("w", "s"), "linux", MAIN_REPOSITORY, now=NOW, lease=LEASE)
    cancel(run_id)

    give_up_expired_leases(minutes(6), SYSTEM_RANDOM)

    assert all_runs() == [run_id]


def test_tests_that_are_no_longer_active_are_left_out_and_where_none_is_left_so_is_the_run(test: BuiltTest) -> None:
    other = add_regression_test()
    create(test, other)
    deactivate(other)

    lose()
    deactivate(test)
    lose(at=10)

    assert len(all_runs()) == 2
    assert load_expected_tests(load(all_runs()[-1]).expected_tests_id).regression_ids == (test.regression_id,)


def test_a_run_that_nobody_asked_this_server_for_is_queued_anew_for_nobody(test: BuiltTest) -> None:
    run_id = add_run()
    catch_up(NOW)

    lose()

    replacement = load(load(run_id).replaced_by or 0)
    assert (replacement.requester, replacement.source_run_id, replacement.environment_id) == (None, run_id, None)


def test_a_lost_run_of_a_fork_is_replaced_by_one(test: BuiltTest) -> None:
    owner = add_user()
    run_id = transact(lambda: create_run(new_run([test.regression_id], requester_id=owner, is_fork=True)))

    lose()

    owners = session().execute(select(TestForkRow.test_id, TestForkRow.user_id)).all()
    assert sorted(tuple(row) for row in owners) == [(run_id, owner), (load(run_id).replaced_by, owner)]


def test_a_lost_run_that_the_platform_restarted_keeps_the_replacement_that_it_has(test: BuiltTest) -> None:
    run_id = create(test)
    lose()
    first = load(run_id).replaced_by
    delete_events(run_id)
    catch_up(minutes(10))

    again = lose(at=11)

    assert (again, load(run_id).status, load(run_id).replaced_by) == (run_id, RunStatus.CANCELED, first)
    assert len(all_runs()) == 2


def test_a_replacement_that_cannot_be_made_leaves_the_run_to_the_next_sweep(test: BuiltTest) -> None:
    run_id = create(test)
    claim_run(Holder("w", "s"), "linux", MAIN_REPOSITORY, now=NOW, lease=LEASE)

    def broken(length: int) -> bytes:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        give_up_expired_leases(minutes(6), RandomSource(broken))

    assert status_of(run_id) is RunStatus.RUNNING
    assert give_up_expired_leases(minutes(6), SYSTEM_RANDOM) == 1
    assert load(run_id).replaced_by is not None


def test_what_binds_two_runs_goes_with_either(test: BuiltTest) -> None:
    run_id = create(test)
    lose()
    replacement = load(run_id).replaced_by
    delete_run(replacement)

    assert load(run_id).replaced_by is None
    assert session().execute(select(RunReplacementRow)).first() is None


@pytest.mark.parametrize("odd", [
    {"commit": ""}, {"commit": "--upload-pack=x"}, {"commit": "0" * 41}, {"altered": "platform"}, {"fork": "é" * 250},
    {"fork": "https://github.com/owner/" + "x" * 228}],
    ids=["no commit", "an option", "a long commit", "platform", "fork", "a long name"])
def test_a_lost_run_of_which_nobody_can_tell_what_it_executed_ends_and_has_no_replacement(
    test: BuiltTest, odd: dict[str, str],
) -> None:
    run_id, other = create(test), create(test)
    for _ in range(2):
        claim_run(Holder("w", "s"), "linux", MAIN_REPOSITORY, now=NOW, lease=LEASE)
    make_odd(run_id, **odd)

    assert give_up_expired_leases(minutes(6), SYSTEM_RANDOM) == 2

    assert [status_of(run_id), status_of(other)] == [RunStatus.CANCELED.value] * 2
    assert load(run_id).replaced_by is None and load(other).replaced_by is not None


def test_a_lost_run_that_cannot_be_given_up_keeps_no_other_from_it(test: BuiltTest, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = create(test), create(test)
    for _ in range(2):
        claim_run(Holder("w", "s"), "linux", MAIN_REPOSITORY, now=NOW, lease=LEASE)

    def replace(run_id: int, **given: Any) -> int | None:
        if run_id == first:
            raise NoResultFound
        return replace_run(run_id, **given)

    monkeypatch.setattr("api.services.runs.leases.replace_run", replace)
    with pytest.raises(NoResultFound):
        give_up_expired_leases(minutes(6), SYSTEM_RANDOM)

    assert load(second).status is RunStatus.CANCELED and load(second).replaced_by is not None


def make_odd(run_id: int, *, fork: str | None = None, altered: str | None = None, **columns: str | int) -> None:
    """Write values into the platform's row of a run, as its own programs may, and what was noted of it when it was first seen."""
    if fork is not None:
        columns["fork_id"] = add_fork(fork)
    if columns:
        change_run(run_id, **columns)
    with transaction():
        session().execute(update(RunRow).where(RunRow.run_id == run_id).values(altered=altered))
