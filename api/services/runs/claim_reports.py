"""Stores what machines report of the runs that they have claimed. All of it may be repeated, and a repeat changes nothing more.

Of a run that is over its files are taken, its log and those of its tests among them; of a claim that is lost nothing is. All else
raises NotFound.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from functools import partial

from api.domain.errors import Unprocessable
from api.domain.random_source import RandomSource
from api.domain.runs.claimed_run import Conclusion, Ending, ReportedError, RunEnd, RunOutcome, RunProgress, TestResult, concluded, given_up
from api.domain.runs.expected_tests import ExpectedOutput, ExpectedTest, ExpectedTests
from api.domain.runs.machine import ClaimState, RunClaim, unknown_claim
from api.domain.runs.worker_message import ArtifactKind
from api.services.runs import leases
from api.services.runs.run_files import output_name, place_artifact, place_output, place_test_log, take_file
from api.services.runs.run_finished import record_run_finished
from api.services.runs.run_reports import keep_end, keep_output, move_on
from api.services.runs.shard_files import ShardFiles
from api.services.runs.worker_access import WorkerRun, find_expected_tests, lock_worker_run
from api.storage.database import transact
from api.storage.files.archive import Archive
from api.storage.files.incoming import FileStore, IncomingFile
from api.storage.results.results import list_ended
from api.storage.runs.leases import (
    count_shards,
    drop_waiting_shards,
    has_shards_left,
    load_shard,
    lock_running,
    record_log_bytes,
    remove,
    require_held,
)
from api.storage.runs.unexecuted_tests import list_test_errors, record_test_error


def store_progress(claim: RunClaim, machine: str, progress: RunProgress, *, now: datetime, main_repository: str) -> None:
    """Move a run on. A stage that lies behind it changes nothing: another machine of the run may have reached the next."""
    def store() -> None:
        run = _lock_running(claim, machine, now)
        move_on(run.run_id, progress.stage, progress.message, progress.build, None, now=now, main_repository=main_repository)

    transact(store)


def store_results(
    claim: RunClaim, machine: str, results: Sequence[TestResult], files: FileStore, archive: Archive, now: datetime,
) -> None:
    """Keep the results of tests, all or none. Raises Unprocessable for tests and outputs that are not the run's."""
    with _received_logs(results, files, archive) as logs:
        transact(partial(_store_results, claim, machine, results, logs, archive, now))
        for log in logs.values():
            log.sync_name()


@contextmanager
def _received_logs(results: Sequence[TestResult], files: FileStore, archive: Archive) -> Iterator[Mapping[int, IncomingFile]]:
    """The logs that come with results, by test, as files for the length of a transaction that keeps them."""
    with ExitStack() as stack:
        logs = {}
        for each in results:
            if each.log is not None:
                log = logs[each.regression_id] = stack.enter_context(files.receive())
                log.write(each.log)
                stack.enter_context(archive.staged(log))
        yield logs


def _store_results(
    claim: RunClaim, machine: str, results: Sequence[TestResult], logs: Mapping[int, IncomingFile], archive: Archive, now: datetime,
) -> None:
    run = _lock_running(claim, machine, now)
    expected = run.load_expected()
    found = [(_require_test(expected, each.regression_id), each.outcome) for each in results]
    for test, outcome in found:
        if isinstance(outcome, ReportedError):
            record_test_error(run.run_id, test.regression_id, outcome)
        else:
            _keep_ending(run, test, outcome, now)
    for regression_id, log in logs.items():
        place_test_log(archive, run.run_id, regression_id, log)


def _keep_ending(run: WorkerRun, test: ExpectedTest, ending: Ending, now: datetime) -> None:
    for output_id in ending.equal_outputs:
        keep_output(run.run_id, test, _require_output(test, output_id), None)
    keep_end(run.run_id, test, ending.exit_code, ending.runtime_ms, now)


def store_output(
    claim: RunClaim, machine: str, regression_id: int, output_id: int, incoming: IncomingFile, archive: Archive, now: datetime,
) -> None:
    """Keep an output that differs from its baseline. Raises Unprocessable where the test or the output is not the run's."""
    require_held(claim, machine)
    # Known before anything is locked, as what a run is to execute never changes.
    test = _require_test(find_expected_tests(claim.run_id), regression_id)
    output = _require_output(test, output_id)

    def store() -> None:
        run = _lock_running(claim, machine, now)
        keep_output(run.run_id, test, output, place_output(archive, output, incoming))

    take_file(archive, incoming, store, name=output_name(output, incoming))


def store_test_log(
    claim: RunClaim, machine: str, regression_id: int, incoming: IncomingFile, archive: Archive, now: datetime,
) -> None:
    """Keep what a test printed. Raises Unprocessable where the test is not the run's."""
    def store() -> None:
        _require_test(_lock_held(claim, machine, now).load_expected(), regression_id)
        place_test_log(archive, claim.run_id, regression_id, incoming)

    take_file(archive, incoming, store)


def append_log(
    claim: RunClaim, machine: str, start: int, chunk: bytes, parts: ShardFiles, *, now: datetime, limit: int,
) -> tuple[int, ClaimState]:
    """Append to a run's log what is not there yet; of a run that is divided, to the machine's part.

    Returns how long it is, and how the claim stands.

    Raises Conflict, with the size, where bytes before `start` are missing, and Unprocessable beyond its share of `limit` bytes.
    """
    def append(staged: IncomingFile | None) -> tuple[int, ClaimState]:
        run = _lock_held(claim, machine, now)
        shard = load_shard(claim)
        size = parts.append_log(run, shard, start, chunk, staged, now, limit=limit)
        if size != shard.log_bytes:
            record_log_bytes(claim, size)
        return size, ClaimState.LOST if run.status.is_finished else ClaimState.HELD

    with parts.staged(chunk) as staged:
        return transact(partial(append, staged))


def store_artifact(
    claim: RunClaim, machine: str, kind: ArtifactKind, parts: ShardFiles, incoming: IncomingFile, archive: Archive, now: datetime, *,
    limit: int,
) -> None:
    """Keep a file of a run as a whole, or the machine's part of what its tests printed; of the others any machine's will do.

    Raises Unprocessable where a part has more than its share of `limit` bytes.
    """
    def store() -> None:
        run_id = _lock_held(claim, machine, now).run_id
        shard = load_shard(claim)
        if kind is ArtifactKind.COMBINED_STDOUT and shard.count > 1:
            parts.place(run_id, shard, kind, incoming, limit=limit)
        else:
            place_artifact(archive, run_id, kind, incoming)

    take_file(archive, incoming, store)


def end_run(
    claim: RunClaim, machine: str, end: RunEnd, parts: ShardFiles, *, now: datetime, main_repository: str, random_source: RandomSource,
) -> None:
    """End a claim, and the run with it, unless other machines have a part in it that goes on.

    A claim that is lost, or was ended before, stays as it is, as does a run that is over.
    """
    if end.outcome is RunOutcome.LOST and end.error is not None:
        leases.lose_claim(claim, machine, end.error, now=now, random_source=random_source)
    elif transact(partial(_end_claim, claim, machine, end, parts, now, main_repository)):
        parts.remove(claim.run_id)


def _end_claim(
    claim: RunClaim, machine: str, end: RunEnd, parts: ShardFiles, now: datetime, main_repository: str,
) -> bool:
    """Whether it was the last claim of its run."""
    # Locked first, so that of two machines that end at once one sees that it is the last.
    is_running = lock_running(claim.run_id)
    if not remove(claim, machine):
        return False
    run = lock_worker_run(claim.run_id, now)
    if is_running and (end.error is not None or not has_shards_left(claim.run_id)):
        leases.conclude(claim.run_id, _conclusion(run, end), now)
        record_run_finished(claim.run_id, main_repository=main_repository)
    elif not is_running:
        drop_waiting_shards(claim.run_id)
    if has_shards_left(claim.run_id):
        return False
    parts.join(run, count_shards(claim.run_id), now)
    return True


def _conclusion(run: WorkerRun, end: RunEnd) -> Conclusion:
    if end.error is not None:
        return given_up(end.error)
    expected = run.load_expected().by_id
    executed = len(expected.keys() & list_ended(run.run_id))
    return concluded(executed, len(expected), list_test_errors(run.run_id))


def _lock_held(claim: RunClaim, machine: str, now: datetime) -> WorkerRun:
    run = lock_worker_run(claim.run_id, now)
    require_held(claim, machine)
    return run


def _lock_running(claim: RunClaim, machine: str, now: datetime) -> WorkerRun:
    run = _lock_held(claim, machine, now)
    if run.status.is_finished:
        raise unknown_claim(str(claim))
    return run


def _require_test(expected: ExpectedTests, regression_id: int) -> ExpectedTest:
    test = expected.by_id.get(regression_id)
    if test is None:
        raise _not_the_runs("regression_test", regression_id)
    return test


def _require_output(test: ExpectedTest, output_id: int) -> ExpectedOutput:
    output = test.output(output_id)
    if output is None:
        raise _not_the_runs("output", output_id)
    return output


def _not_the_runs(kind: str, number: int) -> Unprocessable:
    return Unprocessable(
        f"This {kind.replace('_', ' ')} is not the run's.", {"resource": kind, "id": number}, remedy="List the tests of the claim.")
