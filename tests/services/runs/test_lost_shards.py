"""A divided run that loses a machine in the middle: another one takes its place, with a whole log, and no file is left over."""
from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from api.domain.errors import Unavailable
from api.domain.runs.claimed_run import Ending, RunEnd, RunOutcome, TestResult
from api.domain.runs.machine import ClaimState
from api.domain.runs.run import Platform, RunStatus
from api.domain.runs.trigger import RunRequest
from api.domain.runs.worker_message import ArtifactKind
from api.installation import SYSTEM_RANDOM
from api.services.runs import claim_reports, runs, shard_files
from api.services.runs.leases import claim_run, give_up_expired_leases
from api.services.runs.shard_files import ShardFiles
from api.storage.database import session, transact
from api.storage.files import paths
from api.storage.files.archive import Archive
from api.storage.platform_tables import ResultRow
from api.storage.runs.leases import Claim, Holder
from api.storage.runs.new_runs import create_run
from api.storage.runs.shard_tests import load_shards
from tests.builders import MAIN_REPOSITORY, BuiltTest, add_regression_test, add_user, minutes
from tests.databases import Database
from tests.services.acting import count_rows, status_of
from tests.services.runs.shards import parts_in
from tests.storage.files.emulator import Emulator
from tests.storage.files.file_stores import archive_of, bucket_at
from tests.storage.runs.requests import new_run

LEASE, LIMIT = timedelta(minutes=5), 1 << 20
PRINTED = ArtifactKind.COMBINED_STDOUT


@pytest.fixture
def tests(database: Database) -> dict[int, BuiltTest]:
    """Four tests, by their ids."""
    return {each.regression_id: each for each in (add_regression_test() for _ in range(4))}


@pytest.fixture(params=["disk", "bucket"])
def parts(request: pytest.FixtureRequest, tmp_path: Path) -> ShardFiles:
    """The files of divided runs, on a disk or in a bucket alone."""
    there = parts_in(tmp_path)
    if request.param == "disk":
        return there
    emulator: Emulator = request.getfixturevalue("emulator")
    return ShardFiles(archive_of([bucket_at(emulator.endpoint, emulator)]), there.files)


class Machine:
    """A machine that executes one shard after the other."""

    def __init__(self, name: str, parts: ShardFiles, tests: dict[int, BuiltTest]) -> None:
        self.name, self.parts, self.tests, self.at = name, parts, tests, 0.0
        self.claim: Claim | None = None
        self.size = 0

    def take(self, at: float) -> bool:
        """Claim a shard, where one waits."""
        session().rollback()
        self.claim, self.at, self.size = claim_run(
            Holder(self.name, "s"), "linux", MAIN_REPOSITORY, now=minutes(at), lease=LEASE), at, 0
        return self.claim is not None

    @property
    def held(self) -> Claim:
        """The claim, which must be there."""
        assert self.claim is not None
        return self.claim

    def log(self, text: str) -> ClaimState:
        """Append to the log."""
        session().rollback()
        self.size, state = claim_reports.append_log(
            self.held.reference, self.name, self.size, text.encode(), self.parts, now=minutes(self.at), limit=LIMIT)
        return state

    def report(self, count: int) -> None:
        """Report that the first of the shard's tests passed, twice as if the answer was lost."""
        results = [
            TestResult(each, Ending(0, 5, self.tests[each].output_ids)) for each in load_shards(self.held.run_id)[self.held.shard][:count]]
        for _ in range(2):
            claim_reports.store_results(
                self.held.reference, self.name, results, self.parts.files, self.parts.archive, minutes(self.at))

    def print_all(self, text: str) -> None:
        """Send what the tests printed."""
        with self.parts.files.receive() as incoming:
            incoming.write(text.encode())
            claim_reports.store_artifact(
                self.held.reference, self.name, PRINTED, self.parts, incoming, self.parts.archive, minutes(self.at),
                limit=LIMIT)

    def end(self) -> None:
        """End the claim."""
        session().rollback()
        claim_reports.end_run(
            self.held.reference, self.name, RunEnd(RunOutcome.COMPLETED), self.parts, now=minutes(self.at),
            main_repository=MAIN_REPOSITORY, random_source=SYSTEM_RANDOM)

    def execute(self) -> None:
        """Do all of it."""
        self.log(f"{self.name} begins\n")
        self.report(9)
        self.log(f"{self.name} ends\n")
        self.print_all(f"printed by {self.name}\n")
        self.end()


def create(tests: dict[int, BuiltTest]) -> int:
    request = RunRequest(MAIN_REPOSITORY, "c" * 40, Platform.LINUX, "master", shards=2)
    user = add_user()
    return transact(lambda: create_run(new_run([*tests], requester_id=user, request=request)))


def read(archive: Archive, name: str) -> str:
    found = archive.open(name)
    return "" if found is None else found.read(0, found.size).decode()


def joined(*texts: str) -> str:
    return "".join(f"=== Shard {number} of 2\n{text}" for number, text in enumerate(texts, 1))


def left(parts: ShardFiles) -> set[str]:
    """The files that are neither a run's log nor what its tests printed."""
    return {name for name in parts.archive.list("") if not name.startswith(("LogFiles/", "test_artifacts/"))}


@pytest.mark.parametrize("live_bytes", [shard_files.LIVE_BYTES, 0])
def test_the_run_in_its_place_is_whole_and_no_file_is_left_over(
    parts: ShardFiles, tests: dict[int, BuiltTest], monkeypatch: pytest.MonkeyPatch, live_bytes: int,
) -> None:
    monkeypatch.setattr(shard_files, "LIVE_BYTES", live_bytes)
    run_id = create(tests)
    one, other = Machine("one", parts, tests), Machine("other", parts, tests)
    assert one.take(0) and other.take(4)
    for machine in (one, other):
        machine.log(f"{machine.name} begins\n")
        machine.report(1)

    assert give_up_expired_leases(minutes(6), SYSTEM_RANDOM) == 1
    session().rollback()
    replacement_id = runs.load_run(run_id).replaced_by
    assert replacement_id and load_shards(replacement_id) == load_shards(run_id)
    late = other.log("other was told\n")
    parts.remove_left(minutes(6))
    kept = left(parts)
    assert give_up_expired_leases(minutes(10), SYSTEM_RANDOM) == 1
    parts.remove_left(minutes(10))
    assert one.take(10) and other.take(10)
    for machine in (other, one):
        machine.execute()
    parts.remove_left(minutes(11))

    assert (late, len(kept), left(parts)) == (ClaimState.LOST, 4, set())
    assert read(parts.archive, paths.log_name(run_id)) == joined("one begins\n", "other begins\nother was told\n")
    assert read(parts.archive, paths.log_name(replacement_id)) == joined("one begins\none ends\n", "other begins\nother ends\n")
    printed = paths.artifact_name(replacement_id, PRINTED, "linux")
    assert read(parts.archive, printed) == joined("printed by one\n", "printed by other\n")
    assert [status_of(each) for each in (run_id, replacement_id)] == [RunStatus.CANCELED, RunStatus.PASS]
    assert count_rows(ResultRow) == 2 + len(tests)


@pytest.mark.parametrize("removed", [0, 1, 3])
def test_parts_whose_removal_was_cut_off_are_removed_later_and_the_log_stays_whole(
    parts: ShardFiles, tests: dict[int, BuiltTest], monkeypatch: pytest.MonkeyPatch, removed: int,
) -> None:
    run_id = create(tests)
    one, other = Machine("one", parts, tests), Machine("other", parts, tests)
    assert one.take(0) and other.take(0)

    def cut_off(archive: Archive, prefix: str) -> None:
        for name in sorted(archive.list(prefix))[:removed]:
            archive.remove(name)
        raise Unavailable("killed")

    with monkeypatch.context() as patched:
        patched.setattr(Archive, "remove_all", cut_off)
        one.execute()
        other.execute()
    before = left(parts)
    parts.remove_left(minutes(1))

    assert (len(before), left(parts)) == (6 - removed, set())
    assert read(parts.archive, paths.log_name(run_id)) == joined("one begins\none ends\n", "other begins\nother ends\n")


def test_parts_of_a_run_that_is_there_no_more_are_removed(parts: ShardFiles, tests: dict[int, BuiltTest]) -> None:
    with parts.files.receive() as incoming:
        incoming.write(b"a part")
        parts.archive.keep(paths.shard_file_name(99, 0, "log"), incoming)

    parts.remove_left(minutes(0))

    assert left(parts) == set()


def test_machines_that_end_at_the_same_time_leave_a_whole_log(
    database: Database, parts: ShardFiles, tests: dict[int, BuiltTest],
) -> None:
    run_id = create(tests)
    machines = [Machine(name, parts, tests) for name in ("one", "other")]
    assert all([machine.take(0) for machine in machines])
    session().rollback()

    database.together(*[partial(machine.execute) for machine in machines])

    session().rollback()
    assert status_of(run_id) is RunStatus.PASS
    assert read(parts.archive, paths.log_name(run_id)) == joined("one begins\none ends\n", "other begins\nother ends\n")
    assert left(parts) == set()
