"""Executes one run, and reports it test by test."""
from __future__ import annotations

import socket
from pathlib import Path

from api.domain.results.exit_code import signed_32_bits
from api.domain.runs.claimed_run import Ending, RunProgress, TestResult
from api.domain.runs.infrastructure_code import InfrastructureCode
from api.domain.runs.run import Phase
from api.domain.runs.worker_message import ArtifactKind
from api.domain.runs.worker_suite import SuiteTest, UnusableTest
from api.host.temporary_folder import remove
from api.worker.cancellation import Cancellation
from api.worker.options import WorkerOptions
from api.worker.output_comparison import Produced, compare_outputs
from api.worker.patience import Patience
from api.worker.programs.command import Feed, SandboxPaths, invocation
from api.worker.programs.execution import Execution, RunProcess
from api.worker.programs.full_disk import require_room
from api.worker.programs.output_capture import BoundedLog
from api.worker.reporter import Reporter
from api.worker.run_error import RunError, TestRunError
from api.worker.run_source import ClaimedRun, RunSource
from api.worker.sources.build_log import BuildLog
from api.worker.sources.source import Build, FetchRequest, provide

COMBINED_LIMIT = 32 << 20
COPY_CHUNK = 1 << 20


class RunExecution:
    """One run in its temporary folder."""

    def __init__(
        self, claimed: ClaimedRun, run_source: RunSource, options: WorkerOptions, reporter: Reporter, cancellation: Cancellation,
        build_log: BuildLog, folder: Path, *, run_process: RunProcess,
    ) -> None:
        self._claimed, self._run_source, self._options, self._reporter = claimed, run_source, options, reporter
        self._cancellation = cancellation
        self._build_log, self._folder, self._run_process = build_log, folder, run_process
        self._executable: Path | None = None
        self._build = Build()
        # Made with the first test, so that a run without tests has none.
        self._combined: BoundedLog | None = None

    def __enter__(self) -> RunExecution:
        return self

    def __exit__(self, *_: object) -> None:
        self._close_combined()

    def execute(self) -> str:
        """Prepare and execute all tests; return how many were executed, in words.

        Raises RunError where it cannot be executed, Cancelled where it is cancelled, RunClosed where the server accepts no more reports.
        """
        self._report_progress(Phase.PREPARATION, f"Prepared by worker {self._options.name}.")
        require_room(self._folder)
        self._executable = self._fetch_executable()
        tests = self._run_source.tests(self._claimed, self._cancellation.pause)
        self._build_log.info(f"The suite has {len(tests)} regression tests.")
        self._report_progress(Phase.TESTING, f"Executing {len(tests)} regression tests.")
        executed = [self._try_test(test) for test in tests].count(True)
        return f"Executed {executed} of {len(tests)} regression tests."

    def send_artifacts(self, patience: Patience) -> None:
        """Send the artifacts of the run, as far as they exist."""
        self._close_combined()
        kept = {
            ArtifactKind.BINARY: self._executable,
            ArtifactKind.COMBINED_STDOUT: self._folder / "combined_stdout.log",
            ArtifactKind.COREDUMP: self._folder / "coredump",
        }
        for kind, path in kept.items():
            if path is not None and path.is_file():
                try_take = self._reporter.send_file(kind, path, patience)
                self._build_log.info(f"Artifact {kind}: {'sent' if try_take else 'refused'}.")

    def _fetch_executable(self) -> Path:
        claimed = self._claimed
        what = f"{claimed.repository} at {claimed.commit} on {claimed.platform}"
        self._build_log.info(f"Run {claimed.run_id}: {what}, by {self._options.name}.")
        if not (self._options.sandboxed or self._options.trusted):
            raise RunError(
                InfrastructureCode.SANDBOX_UNAVAILABLE,
                "This worker has no sandbox, and the setting CI_TRUST_EXECUTABLES does not allow it to execute anything without one.")
        request = FetchRequest(
            claimed, self._folder, self._build_log, self._cancellation, self._report_step, self._build)
        return provide(self._options.sources, request, sandboxed=self._options.sandboxed)

    def _report_step(self, message: str) -> None:
        self._build_log.info(message)
        self._report_progress(Phase.PREPARATION, message)

    def _report_progress(self, stage: Phase, message: str) -> None:
        self._reporter.progress(RunProgress(stage, message, self._build.reported))

    def _try_test(self, test: SuiteTest | UnusableTest) -> bool:
        """Whether the test could be executed."""
        self._await_lease()
        try:
            if isinstance(test, UnusableTest):
                raise TestRunError(InfrastructureCode.SUITE_INVALID, test.reason)
            self._execute_test(test)
        except TestRunError as run_error:
            self._build_log.error(run_error.message)
            self._reporter.add(TestResult(test.regression_id, run_error.reported))
            return False
        return True

    def _execute_test(self, test: SuiteTest) -> None:
        folder = self._folder / f"test-{test.regression_id}"
        log = folder.with_suffix(".log")
        folder.mkdir()
        try:
            execution = self._run_test(test, folder, log)
            # On a full disk the program's result is meaningless.
            require_room(self._folder)
            produced = compare_outputs(test.files, folder)
            self._record(test, execution, produced)
            self._send_outputs(test, produced)
            self._save_core(folder)
            self._keep_log(test, log)
            equal = tuple(each.output_id for each in produced if each.matches)
            ending = Ending(signed_32_bits(execution.exit_code), execution.runtime_ms, equal)
            self._reporter.add(TestResult(test.regression_id, ending), log)
        finally:
            remove(folder)
            log.unlink(missing_ok=True)

    def _run_test(self, test: SuiteTest, folder: Path, log: Path) -> Execution:
        sample = self._sample(test)
        self._await_lease()
        assert self._executable is not None
        call = invocation(test, self._executable, sample, folder, log, self._feed(test), self._places)
        self._build_log.info(f"Regression test {test.regression_id} ({test.category}): {test.command}")
        execution = self._run_process(call, self._options.limits, stop=self._cancellation)
        if execution.stopped:
            self._cancellation.check()
        return execution

    def _await_lease(self) -> None:
        """Begin nothing before it is known that the run is still this machine's: the server may have been away."""
        self._cancellation.await_lease(self._options.retries.timeout)

    @property
    def _places(self) -> SandboxPaths | None:
        return self._options.places if self._options.sandboxed else None

    def _sample(self, test: SuiteTest) -> Path:
        """The path of a test's sample, which is fetched for the first of the tests that use it."""
        folder = self._folder / "samples"
        folder.mkdir(exist_ok=True)
        sample = folder / test.sample_name
        if not sample.is_file():
            self._run_source.fetch_sample(self._claimed, test, sample, self._cancellation.pause)
        return sample

    def _feed(self, test: SuiteTest) -> Feed | None:
        if test.input_type != "udp" or self._options.ffmpeg is None:
            return None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            return Feed(self._options.ffmpeg, free.getsockname()[1])

    def _record(self, test: SuiteTest, execution: Execution, produced: tuple[Produced, ...]) -> None:
        name = f"Regression test {test.regression_id}"
        if execution.timed_out:
            self._build_log.error(f"{name}: ended at the time limit of {execution.runtime_ms} ms.")
        else:
            self._build_log.info(f"{name}: exit code {execution.exit_code} after {execution.runtime_ms} ms.")
        there = {each.output_id for each in produced}
        for file in test.files:
            if not file.ignored and file.output_id not in there:
                self._build_log.warning(f"{name}: output {file.output_id} was not produced.")

    def _send_outputs(self, test: SuiteTest, produced: tuple[Produced, ...]) -> None:
        for each in produced:
            if each.matches:
                continue
            output = f"Regression test {test.regression_id}: output {each.output_id}"
            self._build_log.warning(f"{output} differs: {each.sha256}.")
            if not self._reporter.send_output(test.regression_id, each.output_id, each.path):
                self._build_log.error(f"{output} was refused by the server.")

    def _save_core(self, folder: Path) -> None:
        core = next((path for path in sorted(folder.glob("core*")) if path.is_file() and not path.is_symlink()), None)
        kept = self._folder / "coredump"
        if self._options.limits.core_bytes and core is not None and not kept.exists():
            core.rename(kept)

    def _keep_log(self, test: SuiteTest, log: Path) -> None:
        combined = self._combined = self._combined or BoundedLog(
            self._folder / "combined_stdout.log", COMBINED_LIMIT // self._claimed.shards)
        combined.write(f"=== regression test {test.regression_id}: {test.command}\n".encode())
        with log.open("rb") as content:
            while chunk := content.read(COPY_CHUNK):
                combined.write(chunk)
        combined.write(b"\n")

    def _close_combined(self) -> None:
        if self._combined is not None:
            self._combined.close()
