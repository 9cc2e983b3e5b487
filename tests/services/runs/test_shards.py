"""A run whose tests are divided among machines: each shard is executed once, and what ends one machine's part ends the run."""
from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from api.domain.errors import NotFound
from api.domain.runs.claimed_run import Ending, RunEnd, RunOutcome, TestResult
from api.domain.runs.run import Phase, Platform, RunStatus
from api.domain.runs.trigger import RunRequest
from api.installation import SYSTEM_RANDOM
from api.services.runs import claim_reports, runs
from api.services.runs.leases import claim_run, find_unheard_claim, give_up_expired_leases
from api.services.runs.platform_sync import catch_up, judge_pending
from api.storage.database import session, transact
from api.storage.runs.leases import Claim, Holder, has_shards_left, waiting_since
from api.storage.runs.new_runs import create_run
from api.storage.runs.progress import list_events
from api.storage.runs.shard_tests import load_shards
from tests.builders import (
    MAIN_REPOSITORY,
    NOW,
    BuiltTest,
    add_event,
    add_output,
    add_regression_test,
    add_result,
    add_run,
    add_user,
    digest_of,
    minutes,
)
from tests.databases import Database
from tests.platform_writes import deactivate, delete_events, restart_run
from tests.services.acting import cancel, create, renew, status_of
from tests.services.runs.shards import parts_in
from tests.storage.runs.requests import new_run

LEASE = timedelta(minutes=5)


@pytest.fixture
def tests(database: Database) -> list[BuiltTest]:
    return [add_regression_test() for _ in range(5)]


def create_divided(tests: list[BuiltTest], shards: int) -> int:
    """Make a run of these tests, in so many shards."""
    request = RunRequest(MAIN_REPOSITORY, digest_of(f"divided {shards}")[:40], Platform.LINUX, "master", shards=shards)
    ids = [test.regression_id for test in tests]
    requester_id = add_user()
    return transact(lambda: create_run(new_run(ids, requester_id=requester_id, request=request)))


def take(worker: str, *, at: float = 0) -> Claim | None:
    session().rollback()
    return claim_run(Holder(worker, "s"), "linux", MAIN_REPOSITORY, now=minutes(at), lease=LEASE)


def end(claim: Claim, worker: str, folder: Path) -> None:
    """End a claim as completed."""
    session().rollback()
    claim_reports.end_run(
        claim.reference, worker, RunEnd(RunOutcome.COMPLETED), parts_in(folder), now=NOW, main_repository=MAIN_REPOSITORY,
        random_source=SYSTEM_RANDOM)


def report(claim: Claim | None, test: BuiltTest, folder: Path) -> None:
    """Report that a test passed."""
    assert claim is not None
    results, parts = [TestResult(test.regression_id, Ending(0, 5, tuple(test.output_ids)))], parts_in(folder)
    claim_reports.store_results(claim.reference, "w", results, parts.files, parts.archive, NOW)


def parts(*claims: Claim | None) -> list[tuple[int, int, int] | None]:
    """Of each claim its run, which shard it is, and of how many."""
    return [claim and (claim.run_id, claim.shard, claim.shards) for claim in claims]


def test_each_machine_gets_a_shard_and_a_run_that_has_begun_comes_first(tests: list[BuiltTest]) -> None:
    divided, whole = create_divided(tests, 3), create(*tests)

    claims = [take(f"w{number}") for number in range(5)]

    assert parts(*claims) == [(divided, 0, 3), (divided, 1, 3), (divided, 2, 3), (whole, 0, 1), None]
    assert len({str(claim.reference) for claim in claims if claim}) == 4


def test_a_run_has_no_more_shards_than_tests(tests: list[BuiltTest]) -> None:
    assert runs.load_run(create_divided(tests, 64)).shards == len(tests)


def finish_before(tests: list[BuiltTest], *runtimes: int, platform: str = "linux", phase: Phase = Phase.COMPLETED) -> None:
    """A run of the platform that ended, in which the first of these tests took so many seconds."""
    run_id = add_run(platform=platform)
    for at, event in enumerate((Phase.PREPARATION, Phase.TESTING, phase)):
        add_event(run_id, event, at=minutes(at))
    for test, seconds in zip(tests, runtimes, strict=False):
        add_result(run_id, test.regression_id, runtime_ms=1000 * seconds)
        add_output(run_id, test.regression_id, test.output_id)
    catch_up(NOW)
    judge_pending(10)
    session().rollback()


def divided(run_id: int, tests: list[BuiltTest]) -> list[list[int]]:
    """Of each shard which of these tests it has, counted from 0."""
    session().rollback()
    numbers = {test.regression_id: number for number, test in enumerate(tests)}
    return [[numbers[each] for each in shard] for shard in load_shards(run_id)]


def test_a_run_is_divided_by_how_long_each_test_took_in_the_newest_run_that_executed_it(tests: list[BuiltTest]) -> None:
    finish_before(tests, 9, 9, 1, 4)
    finish_before(tests, 1, 1, 9)
    finish_before(tests, 90, platform="windows")
    finish_before(tests, 50, 60, 70, phase=Phase.CANCELED)

    # The last one was never executed, and counts as the median of 1, 1, 4 and 9.
    assert divided(create_divided(tests, 2), tests) == [[2], [0, 1, 3, 4]]


def test_a_runtime_that_cannot_be_read_is_none(tests: list[BuiltTest]) -> None:
    finish_before(tests, -1, 2, 3, 4, 5)

    assert divided(create_divided(tests, 2), tests) == [[2, 4], [0, 1, 3]]


def test_a_run_stays_divided_as_it_was_made_and_so_does_the_one_that_replaces_it(tests: list[BuiltTest]) -> None:
    finish_before(tests, 1, 1, 1, 1, 9)
    run_id = create_divided(tests, 3)
    before = divided(run_id, tests)
    finish_before(tests, 9, 9, 1, 1, 1)
    take("lost", at=10)
    deactivate(tests[2])

    give_up_expired_leases(minutes(16), SYSTEM_RANDOM)

    replacement_id = runs.load_run(run_id).replaced_by
    assert replacement_id
    assert before == [[4], [0, 2], [1, 3]]
    assert divided(replacement_id, tests) == [[4], [0], [1, 3]]
    assert divided(create_divided(tests, 2), tests) == [[0, 2, 4], [1, 3]]


def test_a_replacement_has_no_shard_whose_tests_are_all_gone(tests: list[BuiltTest]) -> None:
    finish_before(tests, 1, 1, 1, 1, 9)
    run_id = create_divided(tests, 2)
    take("lost")
    deactivate(tests[4])

    give_up_expired_leases(minutes(6), SYSTEM_RANDOM)

    session().rollback()
    claim = take("w", at=7)
    assert claim and (claim.run_id, claim.shards) == (runs.load_run(run_id).replaced_by, 1)
    assert load_shards(claim.run_id) == ()


def test_many_machines_share_the_shards_and_none_is_taken_twice(database: Database, tests: list[BuiltTest]) -> None:
    made = [create_divided(tests, 4) for _ in range(3)]
    catch_up(NOW)
    session().rollback()

    def machine(name: str) -> list[tuple[int, int]]:
        taken: list[tuple[int, int]] = []
        while claim := take(name):
            taken.append((claim.run_id, claim.shard))
        return taken

    shares = database.together(*[partial(machine, f"w{number}") for number in range(6)])

    assert sorted(each for share in shares for each in share) == [(run_id, shard) for run_id in made for shard in range(4)]


def test_a_machine_that_never_heard_of_its_shard_is_given_that_one_again(tests: list[BuiltTest]) -> None:
    create_divided(tests, 2)
    first, second = take("w"), take("w")
    assert first and second

    def unheard(*holding: Claim) -> Claim | None:
        session().rollback()
        return find_unheard_claim(Holder("w", "s"), [each.reference for each in holding], now=NOW, random_source=SYSTEM_RANDOM)

    assert (unheard(first), unheard(second), unheard(first, second)) == (second, first, None)


def test_a_machine_that_is_lost_loses_the_whole_run_and_another_is_divided_alike(tests: list[BuiltTest]) -> None:
    run_id = create_divided(tests, 3)
    lost, other = take("lost"), take("other", at=4)
    assert lost and other

    assert give_up_expired_leases(minutes(6), SYSTEM_RANDOM) == 1

    session().rollback()
    replacement_id = runs.load_run(run_id).replaced_by
    assert status_of(run_id) is RunStatus.CANCELED
    assert not renew(other, "other", until=20)
    assert replacement_id and parts(take("third", at=7)) == [(replacement_id, 0, 3)]


def test_the_shards_of_a_run_that_somebody_canceled_are_given_to_nobody(tests: list[BuiltTest]) -> None:
    run_id = create_divided(tests, 3)
    take("w")
    cancel(run_id)

    assert take("v") is None


def test_a_run_that_the_platform_restarted_has_all_its_shards_again_and_older_claims_are_lost(tests: list[BuiltTest]) -> None:
    run_id = create_divided(tests, 2)
    before = take("w")
    delete_events(run_id)
    after = [take("v", at=1), take("v", at=1)]

    assert before and not renew(before, "w", until=9)
    assert parts(*after) == [(run_id, 0, 2), (run_id, 1, 2)]
    assert all(claim and claim.fence > before.fence for claim in after)


@pytest.mark.parametrize("is_seen", [True, False])
def test_a_run_that_the_platform_restarted_and_executes_itself_is_no_machines(
    tests: list[BuiltTest], is_seen: bool, tmp_path: Path,
) -> None:
    run_id = create_divided(tests, 3)
    before = take("w")
    restart_run(run_id)
    if is_seen:
        catch_up(minutes(1))
    add_event(run_id, Phase.PREPARATION)
    catch_up(minutes(2))

    renewed = before and renew(before, "w", until=9)
    given_up = give_up_expired_leases(minutes(20), SYSTEM_RANDOM)

    assert (renewed, take("v", at=3), given_up, status_of(run_id)) == (False, None, 0, RunStatus.RUNNING)
    with pytest.raises(NotFound):
        report(before, tests[0], tmp_path)


def test_a_report_of_a_claim_that_was_ended_is_none_of_the_next_one_of_the_same_machine(tests: list[BuiltTest], tmp_path: Path) -> None:
    run_id = create_divided(tests, 1)
    before = take("w")
    assert before
    end(before, "w", tmp_path)
    restart_run(run_id)
    after = take("w", at=1)

    end(before, "w", tmp_path)

    assert after and after.fence > before.fence
    assert status_of(run_id) is RunStatus.RUNNING


def test_the_waiting_shards_of_a_run_that_was_canceled_go_with_its_last_claim(tests: list[BuiltTest]) -> None:
    run_id = create_divided(tests, 3)
    take("w")
    cancel(run_id)

    give_up_expired_leases(minutes(20), SYSTEM_RANDOM)

    assert not transact(partial(has_shards_left, run_id))


def test_of_machines_that_end_at_the_same_time_the_last_one_completes_the_run(
    database: Database, tests: list[BuiltTest], tmp_path: Path,
) -> None:
    run_id = create_divided(tests, 5)
    claims = {f"w{number}": take(f"w{number}") for number in range(5)}
    session().rollback()

    database.together(*[partial(end, claim, machine, tmp_path) for machine, claim in claims.items() if claim])

    session().rollback()
    assert [event.phase for event in list_events(run_id)] == [Phase.PREPARATION, Phase.COMPLETED]


def test_what_waits_longest_is_a_run_that_has_begun(tests: list[BuiltTest]) -> None:
    create_divided(tests, 2)
    create(*tests, at=minutes(1))
    catch_up(NOW)

    waits = []
    for _ in range(3):
        session().rollback()
        waits.append(waiting_since(Platform.LINUX, MAIN_REPOSITORY))
        take("w")

    assert waits == [NOW, NOW, minutes(1)]
