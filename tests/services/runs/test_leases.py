"""RunSource: many workers, each run once, leases that end, fences that only grow."""
from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select

from api.domain.runs.claimed_run import ReportedError, RunEnd, RunOutcome
from api.domain.runs.infrastructure_code import InfrastructureCode, InfrastructureType
from api.domain.runs.run import Phase, RunStatus
from api.domain.runs.worker_message import Answer
from api.installation import SYSTEM_RANDOM
from api.services.results.verdicts import judge_run
from api.services.runs import runs
from api.services.runs.claim_reports import end_run
from api.services.runs.leases import claim_run, find_unheard_claim, give_up_expired_leases
from api.services.runs.platform_sync import catch_up
from api.storage.database import session
from api.storage.runs.leases import Claim, Holder, in_maintenance
from api.storage.runs.progress import list_events
from api.storage.tables.runs import ShardRow
from tests.builders import MAIN_REPOSITORY, NOW, add_event, add_machine, add_regression_test, add_run, minutes, set_maintenance
from tests.databases import Database
from tests.platform_writes import delete_events, delete_run
from tests.services.acting import cancel, create, execute, renew, status_of, tell
from tests.services.runs.shards import parts_in

LEASE = timedelta(minutes=5)


def take(worker: str = "w", platform: str = "linux", *, at: float = 0) -> Claim | None:
    session().rollback()
    return claim_run(Holder(worker, "s"), platform, MAIN_REPOSITORY, now=minutes(at), lease=LEASE)


def taken(worker: str = "w", *, at: float = 0) -> Claim:
    claim = take(worker, at=at)
    assert claim is not None
    return claim


def end(claim: Claim, worker: str, error: str | None = None, *, at: float = 0) -> None:
    """End a claim: completed, or given up at the checkout."""
    told = RunEnd(RunOutcome.COMPLETED) if error is None else RunEnd(
        RunOutcome.GAVE_UP, ReportedError.of(InfrastructureCode.CHECKOUT_FAILED, error))
    end_run(
        claim.reference, worker, told, parts_in(Path("nowhere")), now=minutes(at), main_repository=MAIN_REPOSITORY,
        random_source=SYSTEM_RANDOM)


def test_a_claim_holds_all_that_its_worker_needs(database: Database) -> None:
    run_id = add_run(repository="ada/Fork", branch="topic", commit="a" * 40, pull_request=9)

    claim = taken("linux-7")

    assert claim == Claim(run_id, 1, 0, 1, "linux", "ada/Fork", "a" * 40, "topic", 9)
    assert [(event.phase, event.message) for event in list_events(run_id)] == [
        (Phase.PREPARATION, "Taken by worker linux-7")]
    assert status_of(run_id) is RunStatus.RUNNING


def test_the_oldest_queued_run_of_the_platform_is_taken(database: Database) -> None:
    add_run(platform="windows")
    running, oldest, newer = add_run(), add_run(), add_run()
    add_event(running, Phase.PREPARATION)

    claims = [take(), take(), take()]

    assert [claim and claim.run_id for claim in claims] == [oldest, newer, None]


def test_a_run_that_the_platform_gave_a_machine_is_left_to_it(database: Database) -> None:
    add_machine(add_run())

    assert take() is None


def test_no_run_is_taken_in_maintenance(database: Database) -> None:
    run_id = add_run()
    set_maintenance("linux")
    set_maintenance("windows", False)

    assert take() is None
    assert (in_maintenance("linux"), in_maintenance("windows")) == (True, False)
    assert status_of(run_id) is RunStatus.QUEUED


def test_many_workers_share_many_runs_and_take_none_twice(database: Database) -> None:
    made = [add_run() for _ in range(12)]
    catch_up(NOW)
    session().rollback()

    def worker(name: str) -> list[int]:
        claims: list[int] = []
        while claim := take(name):
            claims.append(claim.run_id)
        return claims

    shares = database.together(*[partial(worker, f"w{number}") for number in range(6)])

    assert sorted(run_id for share in shares for run_id in share) == made
    session().rollback()
    assert [len(list_events(run_id)) for run_id in made] == [1] * 12


def test_a_claim_is_renewed_while_its_run_goes_on(database: Database) -> None:
    add_run()
    claim = taken()

    renewed = renew(claim, "w", until=20)

    assert renewed
    assert give_up_expired_leases(minutes(19), SYSTEM_RANDOM) == 0
    assert status_of(claim.run_id) is RunStatus.RUNNING


@pytest.mark.parametrize("end", ["person", "worker"])
def test_a_claim_of_a_run_that_is_over_is_not_renewed(database: Database, end: str) -> None:
    test = add_regression_test()
    run_id = create(test)
    claim = taken()
    if end == "person":
        cancel(run_id)
    else:
        execute(run_id, test)

    assert not renew(claim, "w", until=20)


def test_a_run_whose_lease_passed_is_given_up_visibly(database: Database) -> None:
    test = add_regression_test()
    run_id = create(test)
    taken()
    catch_up(NOW)

    early, late, again = (give_up_expired_leases(minutes(at), SYSTEM_RANDOM) for at in (5, 5.1, 5.2))

    assert (early, late, again) == (0, 1, 0)
    found = runs.load_run(run_id)
    troubles = judge_run(found).infrastructure
    assert found.status is RunStatus.CANCELED
    assert [(error.type, error.message) for error in troubles] == [
        (InfrastructureType.WORKER, "The worker was lost: its lease passed without a word.")]


def test_a_run_that_ended_before_its_lease_is_left_as_it_is(database: Database) -> None:
    test = add_regression_test()
    run_id = create(test)
    taken()
    execute(run_id, test)

    lost = give_up_expired_leases(minutes(60), SYSTEM_RANDOM)

    assert lost == 1
    assert status_of(run_id) is RunStatus.PASS


def test_a_run_that_the_platform_restarted_is_not_given_up_for_its_worker_of_before(database: Database) -> None:
    run_id = create(add_regression_test())
    taken()
    delete_events(run_id)
    catch_up(minutes(1))

    give_up_expired_leases(minutes(60), SYSTEM_RANDOM)

    assert status_of(run_id) is RunStatus.QUEUED


def test_a_fence_grows_with_every_claim_and_an_older_one_is_worth_nothing(database: Database) -> None:
    run_id = create(add_regression_test())
    first = taken("first")
    delete_events(run_id)
    second = taken("second", at=1)

    renewed = [renew(claim, holder, until=30) for claim, holder in ((first, "first"), (second, "second"))]
    end(first, "first", "too late", at=2)

    assert (first.run_id, second.run_id, second.fence) == (run_id, run_id, first.fence + 1)
    assert renewed == [False, True]
    assert status_of(run_id) is RunStatus.RUNNING


def test_a_claim_that_is_ended_after_its_run_is_gone_and_the_run_stays_as_it_is(database: Database) -> None:
    test = add_regression_test()
    run_id = create(test)
    claim = taken()
    execute(run_id, test)

    end(claim, "w", "too late")

    assert session().execute(select(ShardRow)).first() is None
    assert status_of(run_id) is RunStatus.PASS


def test_a_claim_that_is_given_up_ends_the_run_with_the_error(database: Database) -> None:
    run_id = create(add_regression_test())
    claim = taken()

    end(claim, "w", "build failed")
    end(claim, "w", "another")

    found = runs.load_run(run_id)
    assert [(error.type, error.message) for error in judge_run(found).infrastructure] == [(InfrastructureType.CHECKOUT, "build failed")]
    assert [event.phase for event in list_events(run_id)] == [Phase.PREPARATION, Phase.CANCELED]


def test_a_worker_tells_of_the_preparation_that_its_claim_already_is(database: Database) -> None:
    run_id = create(add_regression_test())
    taken("w")

    assert tell(run_id, Phase.PREPARATION, "Loaded variables") is Answer.OK
    assert tell(run_id, Phase.TESTING) is Answer.OK


def test_a_claim_goes_with_its_run(database: Database) -> None:
    run_id = add_run()
    taken()
    delete_run(run_id)

    assert session().execute(select(ShardRow)).first() is None
    assert give_up_expired_leases(minutes(60), SYSTEM_RANDOM) == 0


def unheard(session_id: str = "s", *holding: Claim) -> Claim | None:
    session().rollback()
    return find_unheard_claim(Holder("w", session_id), [each.reference for each in holding], now=NOW, random_source=SYSTEM_RANDOM)


def test_another_machine_can_do_nothing_with_a_claim(database: Database) -> None:
    run_id = create(add_regression_test())
    claim = taken()

    renewed = renew(claim, "other", until=20)
    end(claim, "other", "not mine")

    assert not renewed
    assert status_of(run_id) is RunStatus.RUNNING


def test_a_claim_whose_answer_was_lost_is_given_again_to_the_process_that_asked(database: Database) -> None:
    create(add_regression_test())
    claim = taken()

    assert unheard() == claim
    assert unheard("s", claim) is None
    assert renew(claim, "w", until=20)


def test_a_run_that_is_over_is_not_given_again(database: Database) -> None:
    test = add_regression_test()
    run_id = create(test)
    taken()
    execute(run_id, test)

    assert unheard() is None


def test_a_machine_that_starts_anew_gives_up_what_it_had_claimed_before(database: Database) -> None:
    run_id = create(add_regression_test())
    taken()

    assert unheard("another process") is None

    assert status_of(run_id) is RunStatus.CANCELED
    assert list_events(run_id)[-1].message == "The worker was lost: its machine started anew."
    assert take(at=1) is not None
