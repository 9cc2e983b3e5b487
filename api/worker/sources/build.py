"""Executables that this worker builds, in a sandbox; only what fetches their dependencies before has a network."""
from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath

from api.domain.runs.infrastructure_code import InfrastructureCode
from api.host.temporary_folder import remove
from api.worker.programs.command import Invocation
from api.worker.programs.execution import Execution, Limits
from api.worker.programs.full_disk import blame_full_disk
from api.worker.programs.sandboxed_run import SandboxedRun
from api.worker.run_error import RunError
from api.worker.sources.build_cache import BuildCache
from api.worker.sources.build_log import LogForwarder
from api.worker.sources.checkout import CheckedOut, Checkout
from api.worker.sources.executable_fetch import ExecutableNotFound, copy_executable
from api.worker.sources.source import FetchRequest

PLATFORM = "linux"
SHELL = "/bin/sh"
# HOME is the folder above the checkout, so that tools' files do not mix with the sources.
ENTER = 'cd source && exec /bin/sh -c "$1"'
LOG_BYTES = 8 << 20


@dataclass(frozen=True)
class _Step:
    """A line for the shell, what the server is told when it begins, and the code of its failure."""

    name: str
    command: str
    report: str
    failure: InfrastructureCode
    network: bool = False


@dataclass(frozen=True)
class BuildSource:
    """Checkout, merge, fetch dependencies and build, unless the same was built here before.

    `command` is a line for the shell, run in the checkout, of which git knows the commit and nothing else; `result` is the executable's
    path there. `dependencies` is such a line too, run before, with a network; empty: the checkout has all that it needs. `process` holds
    the limits of a build, but for its time in `seconds`. `tools` are folders of this host that builds see, read-only, in the same place.
    """

    checkout: Checkout
    command: str
    result: str
    seconds: float
    process: SandboxedRun
    built: BuildCache
    dependencies: str = ""
    tools: tuple[Path, ...] = ()

    name = "build"
    needs_sandbox = True

    def provide(self, request: FetchRequest) -> Path:
        """Build, and return the executable as a file in the run's folder."""
        if request.claimed.platform != PLATFORM:
            raise RunError(InfrastructureCode.PLATFORM_NOT_BUILT, "Executables are built for linux alone.")
        folder = request.folder / "build"
        source = folder / "source"
        source.mkdir(parents=True)
        try:
            with blame_full_disk(request.folder):
                checked_out = self.checkout.check_out(request, source)
                made_of = self._made_of(checked_out)
                target = request.folder / "executable"
                wait = partial(request.report_step, "Waiting for a build of the same on this host.")
                with self.built.locked(made_of, request.cancellation, wait):
                    if self.built.take(made_of, target):
                        request.build_log.info("This was built here before, by the same command: nothing is built again.")
                        return target
                    _name_commit(source, checked_out.commit)
                    if self.process.user_id is not None:
                        _chown_tree(source, self.process.user_id)
                    self._build(request, folder)
                    self._take_executable(request, folder, target)
                    self.built.keep(made_of, target)
                return target
        finally:
            remove(folder)

    def _made_of(self, checked_out: CheckedOut) -> tuple[str, ...]:
        sandbox = json.dumps(self.process.sandbox.description(), sort_keys=True)
        return (
            checked_out.commit, checked_out.tree, self.dependencies, self.command, self.result, sandbox,
            *(str(folder) for folder in self.tools))

    def _build(self, request: FetchRequest, folder: Path) -> None:
        took_ms = 0
        for step in self._steps():
            request.report_step(step.report)
            request.build_log.info(f"{step.name.capitalize()} command: {step.command}")
            execution = self._run(step, request, folder, self.seconds - took_ms / 1000)
            if execution.stopped:
                request.cancellation.check()
            _require_done(execution, step, self.seconds)
            took_ms += execution.runtime_ms
        request.build.duration_ms = took_ms

    def _steps(self) -> Iterator[_Step]:
        if self.dependencies:
            yield _Step(
                "dependency step", self.dependencies, "Fetching the dependencies.", InfrastructureCode.DEPENDENCY_STEP_FAILED, network=True)
        yield _Step("build", self.command, "Building the executable.", InfrastructureCode.BUILD_FAILED)

    def _run(self, step: _Step, request: FetchRequest, folder: Path, seconds: float) -> Execution:
        log = request.folder / "build-output.log"
        log.touch()
        forwarder = LogForwarder(request.build_log, log, "build")
        call = Invocation((SHELL, "-c", ENTER, "build", step.command), folder, log, reads=self.tools)
        limits = Limits(seconds=seconds, file_bytes=self.process.limits.file_bytes, log_bytes=LOG_BYTES)
        try:
            return replace(self.process, network=step.network)(call, limits, stop=_is_cancelled(forwarder, request))
        finally:
            forwarder.forward(to_end=True)
            log.unlink()

    def _take_executable(self, request: FetchRequest, folder: Path, target: Path) -> None:
        try:
            # The build may have put a link in the checkout's place too.
            copy_executable(folder, ("source", *PurePosixPath(self.result).parts), target, self.process.limits.file_bytes)
        except ExecutableNotFound as why:
            raise RunError(InfrastructureCode.EXECUTABLE_MISSING, f"The build gave no {self.result}: {why}.") from why
        request.build_log.info(f"Built {self.result}, {target.stat().st_size} bytes.")


def _name_commit(source: Path, commit: str) -> None:
    """Let `git rev-parse HEAD` tell the commit, as builds ask for it; the history is not there."""
    for name in ("objects", "refs"):
        (source / ".git" / name).mkdir(parents=True)
    (source / ".git" / "HEAD").write_text(f"{commit}\n")


def _is_cancelled(forwarder: LogForwarder, request: FetchRequest) -> Callable[[], bool]:
    """A check for cancellation that also copies new output into the run's log."""
    def is_cancelled() -> bool:
        forwarder.forward()
        return request.cancellation()

    return is_cancelled


def _require_done(execution: Execution, step: _Step, seconds: float) -> None:
    if execution.timed_out:
        raise RunError(InfrastructureCode.BUILD_TIME_LIMIT, f"The build took more than {seconds:.0f} seconds.")
    what = f"The {step.name}"
    if execution.exit_code < 0:
        raise RunError(
            InfrastructureCode.BUILD_KILLED, f"{what} was ended by signal {-execution.exit_code}, as limits on memory and size do.")
    if execution.exit_code:
        raise RunError(step.failure, f"{what} failed with exit code {execution.exit_code}; the log has its output.")


def _chown_tree(folder: Path, user_id: int) -> None:
    """Give the files to the sandbox's user, without following links."""
    os.chown(folder, user_id, user_id)
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(place, name), user_id, user_id, follow_symlinks=False)
