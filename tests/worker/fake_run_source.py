"""A server's side of claims and reports, in memory. It records what is reported, and can be told to misbehave."""
from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from api.domain.runs.claimed_run import Ending, RunEnd, RunOutcome, RunProgress, TestResult
from api.domain.runs.infrastructure_code import InfrastructureCode
from api.domain.runs.machine import ClaimState
from api.domain.runs.worker_suite import SuiteTest, UnusableTest
from api.worker.run_error import RunError, TestRunError
from api.worker.run_source import ClaimedRun, Pause, RunClosed, RunSourceUnavailable
from tests.worker.inputs import COMMIT, EXECUTABLE, REPOSITORY


@dataclass(frozen=True)
class Report:
    """A report as it came: of which run, what it says in a few words, and its content where it is a file."""

    run_id: int
    brief: str
    content: bytes | None = None

    @property
    def kind(self) -> str:
        """Its first word."""
        return self.brief.split()[0]


@dataclass
class FakeRunSource:
    """Hands out the runs that were added; `available` off makes every call fail as an absent server does.

    `faults` are raised first, one a call of what is no report. `script` is asked before each report is taken, and may raise.
    `folder` has samples, by their hashes, and an executable.
    """

    folder: Path
    suites: dict[int, Sequence[SuiteTest | UnusableTest]] = field(default_factory=dict)
    waiting: list[ClaimedRun] = field(default_factory=list)
    held: dict[int, ClaimedRun] = field(default_factory=dict)
    over: dict[int, str] = field(default_factory=dict)
    reports: list[Report] = field(default_factory=list)
    progress: list[tuple[int, RunProgress]] = field(default_factory=list)
    results: list[TestResult] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    ends: list[tuple[int, RunEnd]] = field(default_factory=list)
    logs: dict[str, bytearray] = field(default_factory=dict)
    report_seconds: float = 0.0
    available: bool = True
    faults: list[BaseException] = field(default_factory=list)
    script: Callable[[Report], None] = lambda report: None
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def run_source(self) -> FakeRunSource:
        """Itself: the fake is both sides."""
        return self

    def another(self) -> FakeRunSource:
        """Itself: it does not tell workers apart."""
        return self

    def add(
        self, platform: str = "linux", *, repository: str = REPOSITORY, commit: str = COMMIT,
        tests: Sequence[SuiteTest | UnusableTest] = (),
    ) -> int:
        """Queue a run of these tests; return its id."""
        with self.changed:
            run_id = 1 + len(self.suites)
            self.waiting.append(ClaimedRun(run_id, f"run-{run_id}-1", platform, repository, commit))
            self.suites[run_id] = tests
            return run_id

    def cancel(self, run_id: int) -> None:
        """End a run as a person would."""
        with self.changed:
            self.over.setdefault(run_id, "Canceled by a person.")

    def lapse(self, run_id: int) -> None:
        """Let a claim's lease end."""
        with self.changed:
            self.held.pop(run_id, None)

    def ended_with(self, run_id: int) -> str | None:
        """The message of the run's cancellation."""
        return self.over.get(run_id)

    def briefs(self, *kinds: str) -> list[str]:
        """All reports, or those of these kinds, in a few words each."""
        with self.changed:
            return [each.brief for each in self.reports if not kinds or each.kind in kinds]

    def contents(self, brief: str) -> list[bytes]:
        """The files that were sent under these words."""
        with self.changed:
            return [each.content for each in self.reports if each.brief == brief and each.content is not None]

    def endings(self) -> list[tuple[int, int]]:
        """The tests that ended, each with its exit code."""
        return [(each.regression_id, each.outcome.exit_code) for each in self.results if isinstance(each.outcome, Ending)]

    @property
    def end_of_one(self) -> RunEnd:
        """The end of the one run there is."""
        [(_, end)] = self.ends
        return end

    def claim(self) -> ClaimedRun | None:
        """Take the oldest run for linux."""
        with self.changed:
            self._require_available()
            claimed = next((each for each in self.waiting if each.platform == "linux"), None)
            if claimed is not None:
                self.waiting.remove(claimed)
                self.held[claimed.run_id] = claimed
            else:
                self.changed.wait(0.02)
            return claimed

    def renew(self, claimed: ClaimedRun) -> bool:
        """Prolong a claim that is still held, of a run that is not over."""
        with self.changed:
            self._require_available()
            return self.held.get(claimed.run_id) == claimed and claimed.run_id not in self.over

    def end(self, claimed: ClaimedRun, end: RunEnd) -> None:
        """End a claim that is still held."""
        with self.changed:
            self._require_available()
            self.script(Report(claimed.run_id, f"end {end.outcome}"))
            if self.held.get(claimed.run_id) != claimed:
                return
            del self.held[claimed.run_id]
            self.ends.append((claimed.run_id, end))
            self.reports.append(Report(claimed.run_id, f"end {end.outcome}"))
            if end.error is not None:
                self.over.setdefault(claimed.run_id, end.error.message)
            self.changed.notify_all()

    def tests(self, claimed: ClaimedRun, pause: Pause) -> tuple[SuiteTest | UnusableTest, ...]:
        """The tests that the run was added with."""
        return tuple(self.suites[claimed.run_id])

    def fetch_sample(self, claimed: ClaimedRun, test: SuiteTest, target: Path, pause: Pause) -> None:
        """Copy a sample."""
        if not (self.folder / test.sample_sha).is_file():
            why = f"The sample of regression test {test.regression_id} is not in the store."
            raise TestRunError(InfrastructureCode.SAMPLE_MISSING, why)
        shutil.copy(self.folder / test.sample_sha, target)

    def fetch_executable(self, claimed: ClaimedRun, target: Path, pause: Pause) -> None:
        """Copy the executable."""
        if not (self.folder / EXECUTABLE).is_file():
            raise RunError(InfrastructureCode.EXECUTABLE_MISSING, "No executable.")
        shutil.copy(self.folder / EXECUTABLE, target)

    def report_progress(self, claimed: ClaimedRun, progress: RunProgress) -> None:
        """Note how far a run is."""
        self._take(claimed, f"progress {progress.stage}")
        self.progress.append((claimed.run_id, progress))

    def report_results(self, claimed: ClaimedRun, results: Sequence[TestResult]) -> None:
        """Note what tests came to."""
        self._take(claimed, " ".join(["results", *(str(each.regression_id) for each in results)]))
        self.results.extend(results)
        self.batches.append(len(results))

    def send_output(self, claimed: ClaimedRun, regression_id: int, output_id: int, path: Path) -> None:
        """Keep an output."""
        self._take(claimed, f"output {regression_id} {output_id}", path.read_bytes())

    def send_test_log(self, claimed: ClaimedRun, regression_id: int, path: Path) -> None:
        """Keep what a test printed."""
        self._take(claimed, f"test_log {regression_id}", path.read_bytes())

    def send_run_file(self, claimed: ClaimedRun, kind: str, path: Path) -> None:
        """Keep a file of a run; what is over may still be sent of."""
        self._take(claimed, f"file {kind}", path.read_bytes(), when_over=True)

    def append_log(self, claimed: ClaimedRun, offset: int, chunk: bytes) -> tuple[int, ClaimState]:
        """Append to the run's log."""
        self._take(claimed, "log", chunk, when_over=True)
        log = self.logs.setdefault(claimed.claim, bytearray())
        if offset <= len(log):
            log[offset:] = chunk
        return len(log), ClaimState.LOST if claimed.run_id in self.over else ClaimState.HELD

    def log(self, claim: str = "run-1-1") -> str:
        """The log of a claim, as far as it was sent."""
        return self.logs[claim].decode()

    def await_end(self, timeout: float = 30) -> None:
        """Wait until some claim was ended."""
        with self.changed:
            assert self.changed.wait_for(lambda: bool(self.ends), timeout), "no claim was ever ended"

    def is_lost(self, run_id: int) -> bool:
        """Whether a run is to be executed elsewhere."""
        return any(each == run_id and end.outcome is RunOutcome.LOST for each, end in self.ends)

    def _take(self, claimed: ClaimedRun, brief: str, content: bytes | None = None, *, when_over: bool = False) -> None:
        report = Report(claimed.run_id, brief, content)
        self.script(report)
        with self.changed:
            if not self.available:
                raise RunSourceUnavailable
            if self.held.get(claimed.run_id) != claimed or (claimed.run_id in self.over and not when_over):
                raise RunClosed
            self.reports.append(report)

    def _require_available(self) -> None:
        if self.faults:
            raise self.faults.pop(0)
        if not self.available:
            raise RunSourceUnavailable
