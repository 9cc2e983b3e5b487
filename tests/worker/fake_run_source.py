"""A claims service in memory."""
from __future__ import annotations

import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from api.domain.runs.infrastructure import InfrastructureType
from api.domain.runs.worker_suite import SuiteTest
from api.worker.run_error import RunError, TestRunError
from api.worker.run_source import ClaimedRun, Pause, RunSourceUnavailable
from api.worker.suite import SuiteError
from tests.worker.inputs import COMMIT, EXECUTABLE, REPOSITORY, TOKEN


@dataclass
class FakeRunSource:
    """Hands out the runs that were added; `available` off makes every call fail as an absent server does.

    `faults` are raised first, one a call. `folder` has samples, by their hashes, and an executable.
    """

    folder: Path
    suites: dict[int, Sequence[SuiteTest] | None] = field(default_factory=dict)
    waiting: list[ClaimedRun] = field(default_factory=list)
    held: dict[int, ClaimedRun] = field(default_factory=dict)
    ends: dict[int, str] = field(default_factory=dict)
    released: list[tuple[int, str | None]] = field(default_factory=list)
    lost: set[int] = field(default_factory=set)
    available: bool = True
    faults: list[BaseException] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def run_source(self) -> FakeRunSource:
        """Itself: the fake is both sides."""
        return self

    def another(self) -> FakeRunSource:
        """Itself: it does not tell workers apart."""
        return self

    def add(
        self, platform: str = "linux", *, repository: str = REPOSITORY, commit: str = COMMIT, tests: Sequence[SuiteTest] | None = (),
    ) -> int:
        """Queue a run of these tests, None for some that no worker can use; return its id."""
        with self.changed:
            run_id = 1 + len(self.waiting) + len(self.held) + len(self.released) + len(self.ends)
            self.waiting.append(ClaimedRun(run_id, TOKEN, f"run-{run_id}-1", platform, repository, commit))
            self.suites[run_id] = tests
            return run_id

    def cancel(self, run_id: int) -> None:
        """End a run as a person would."""
        with self.changed:
            self.ends.setdefault(run_id, "Canceled by a person.")

    def lapse(self, run_id: int) -> None:
        """Let a claim's lease end."""
        with self.changed:
            self.held.pop(run_id, None)

    def ended_with(self, run_id: int) -> str | None:
        """The message of the run's cancellation."""
        return self.ends.get(run_id)

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
            return self.held.get(claimed.run_id) == claimed and claimed.run_id not in self.ends

    def release(self, claimed: ClaimedRun, failure: str | None = None, *, lost: bool = False) -> None:
        """End a claim that is still held."""
        with self.changed:
            self._require_available()
            if self.held.get(claimed.run_id) != claimed:
                return
            del self.held[claimed.run_id]
            self.released.append((claimed.run_id, failure))
            if lost:
                self.lost.add(claimed.run_id)
            if failure is not None:
                self.ends.setdefault(claimed.run_id, failure)
            self.changed.notify_all()

    def tests(self, claimed: ClaimedRun, pause: Pause) -> tuple[SuiteTest, ...]:
        """The tests that the run was added with."""
        found = self.suites[claimed.run_id]
        if found is None:
            raise SuiteError("nobody can read it.")
        return tuple(found)

    def fetch_sample(self, claimed: ClaimedRun, test: SuiteTest, target: Path, pause: Pause) -> None:
        """Copy a sample."""
        if not (self.folder / test.sample_sha).is_file():
            why = f"The sample of regression test {test.regression_id} is not in the store."
            raise TestRunError(InfrastructureType.STORAGE, why)
        shutil.copy(self.folder / test.sample_sha, target)

    def fetch_executable(self, claimed: ClaimedRun, target: Path, pause: Pause) -> None:
        """Copy the executable."""
        if not (self.folder / EXECUTABLE).is_file():
            raise RunError(InfrastructureType.BUILD, "No executable.")
        shutil.copy(self.folder / EXECUTABLE, target)

    def await_release(self, timeout: float = 30) -> None:
        """Wait until some claim was released."""
        with self.changed:
            assert self.changed.wait_for(lambda: bool(self.released), timeout), "no claim was ever released"

    def _require_available(self) -> None:
        if self.faults:
            raise self.faults.pop(0)
        if not self.available:
            raise RunSourceUnavailable
