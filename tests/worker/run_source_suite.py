"""What every claims service must do: one suite, for the fake and for the real one."""
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import pytest

from api.domain.runs.claimed_run import ReportedError, RunEnd, RunOutcome, RunProgress
from api.domain.runs.infrastructure_code import InfrastructureCode
from api.domain.runs.run import Phase
from api.domain.runs.worker_message import ArtifactKind
from api.worker.run_source import ClaimedRun, RunClosed, RunSource


class Queue(Protocol):
    """The other side of a claims service under test: runs come in, lapse and end."""

    run_source: RunSource

    def another(self) -> RunSource:
        """The run source of another worker."""

    def add(self, platform: str = "linux") -> int:
        """Queue a run; return its id."""

    def cancel(self, run_id: int) -> None:
        """End a run as a person would."""

    def lapse(self, run_id: int) -> None:
        """Let a claim's lease end."""

    def ended_with(self, run_id: int) -> str | None:
        """The message of the run's cancellation, None while it is not canceled."""


def given_up(why: str) -> RunEnd:
    """The end of a run that its worker gave up."""
    return RunEnd(RunOutcome.GAVE_UP, ReportedError.of(InfrastructureCode.WORKER_FAILED, why))


class ClaimsSuite:
    """Subclass it and give a fixture `queue`."""

    def test_an_empty_queue_gives_nothing(self, queue: Queue) -> None:
        assert queue.run_source.claim() is None

    def test_the_oldest_run_of_the_platform_is_given_first(self, queue: Queue) -> None:
        queue.add("windows")
        first, second = queue.add(), queue.add()

        taken = [queue.run_source.claim(), queue.another().claim()]

        assert [claimed and claimed.run_id for claimed in taken] == [first, second]

    def test_a_run_is_given_to_one_worker_alone(self, queue: Queue) -> None:
        ids = {queue.add() for _ in range(6)}

        with ThreadPoolExecutor(4) as workers:
            taken = list(workers.map(lambda each: each.claim(), [queue.another() for _ in range(9)]))

        given = [claimed.run_id for claimed in taken if claimed is not None]
        assert len(given) == len(set(given))
        assert set(given) <= ids

    def test_a_claim_has_what_its_worker_needs(self, queue: Queue) -> None:
        queue.add()

        claimed = self.taken(queue)

        assert claimed.platform == "linux"
        assert claimed.repository.count("/") == 1

    def test_a_claim_is_renewed_while_its_run_goes_on(self, queue: Queue) -> None:
        queue.add()
        claimed = self.taken(queue)

        assert queue.run_source.renew(claimed)
        assert queue.run_source.renew(claimed)

    def test_the_claim_of_a_canceled_run_is_not_renewed(self, queue: Queue) -> None:
        run_id = queue.add()
        claimed = self.taken(queue)

        queue.cancel(run_id)

        assert not queue.run_source.renew(claimed)

    def test_a_claim_that_lapsed_is_not_renewed_or_its_run_is_still_nobody_elses(self, queue: Queue) -> None:
        run_id = queue.add()
        claimed = self.taken(queue)
        queue.lapse(run_id)

        other = queue.another().claim()

        assert other is None or not queue.run_source.renew(claimed)

    def test_a_claim_that_was_ended_is_not_renewed_and_a_second_end_changes_nothing(self, queue: Queue) -> None:
        run_id = queue.add()
        claimed = self.taken(queue)

        queue.run_source.end(claimed, given_up("first"))
        queue.run_source.end(claimed, given_up("second"))

        assert not queue.run_source.renew(claimed)
        assert queue.ended_with(run_id) == "first"

    def test_a_run_that_was_completed_is_not_canceled(self, queue: Queue) -> None:
        run_id = queue.add()

        queue.run_source.end(self.taken(queue), RunEnd(RunOutcome.COMPLETED))

        assert queue.ended_with(run_id) is None

    def test_an_error_never_overwrites_an_end(self, queue: Queue) -> None:
        run_id = queue.add()
        claimed = self.taken(queue)
        queue.cancel(run_id)
        before = queue.ended_with(run_id)

        queue.run_source.end(claimed, given_up("too late"))

        assert queue.ended_with(run_id) == before

    def test_progress_and_files_may_be_told_again(self, queue: Queue, tmp_path: Path) -> None:
        queue.add()
        claimed = self.taken(queue)

        for _ in range(2):
            self.report(queue, claimed)
            self.send(queue, claimed, tmp_path)

        assert queue.run_source.renew(claimed)

    def test_of_a_run_that_is_over_files_are_taken_and_nothing_else(self, queue: Queue, tmp_path: Path) -> None:
        run_id = queue.add()
        claimed = self.taken(queue)
        queue.cancel(run_id)

        with pytest.raises(RunClosed):
            self.report(queue, claimed)
        self.send(queue, claimed, tmp_path)

    def test_of_a_claim_that_was_ended_nothing_is_taken(self, queue: Queue, tmp_path: Path) -> None:
        queue.add()
        claimed = self.taken(queue)
        queue.run_source.end(claimed, given_up("over"))

        with pytest.raises(RunClosed):
            self.report(queue, claimed)
        with pytest.raises(RunClosed):
            self.send(queue, claimed, tmp_path)

    def report(self, queue: Queue, claimed: ClaimedRun) -> None:
        queue.run_source.report_progress(claimed, RunProgress(Phase.TESTING, "Executing."))

    def send(self, queue: Queue, claimed: ClaimedRun, folder: Path) -> None:
        (folder / "printed").write_bytes(b"a line\n")
        queue.run_source.send_run_file(claimed, ArtifactKind.COMBINED_STDOUT, folder / "printed")
        assert queue.run_source.append_log(claimed, 0, b"a line\n")[0] == len(b"a line\n")

    def taken(self, queue: Queue) -> ClaimedRun:
        claimed = queue.run_source.claim()
        assert claimed is not None
        return claimed
