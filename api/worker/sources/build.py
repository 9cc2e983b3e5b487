"""Executables that this worker builds, in a sandbox without network."""
from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path, PurePosixPath

from api.domain.runs.infrastructure import InfrastructureType
from api.host.temporary_folder import remove
from api.worker.build_log import LogForwarder
from api.worker.command import Invocation
from api.worker.full_disk import disk_first
from api.worker.process import Execution, Limits
from api.worker.run_error import RunError
from api.worker.sandboxed_run import SandboxedRun
from api.worker.sources.checkout import Checkout
from api.worker.sources.executable_fetch import NotFetched, take_out
from api.worker.sources.source import FetchRequest

PLATFORM = "linux"
SHELL = "/bin/sh"
# The command's home is the folder above the checkout, so that what tools keep there is not among the files.
ENTER = 'cd source && exec /bin/sh -c "$1"'
LOG_BYTES = 8 << 20
SHARE_INTERVAL = timedelta(seconds=3)


@dataclass(frozen=True)
class BuildSource:
    """Checkout, merge and build. `command` is a line for the shell, run in the checkout; `result` the executable's path there.

    `sandbox` holds the limits of a build, but for its time in `seconds`.
    """

    checkout: Checkout
    command: str
    result: str
    seconds: float
    process: SandboxedRun

    name = "build"
    needs_sandbox = True

    def provide(self, request: FetchRequest) -> Path:
        """Return what the build made, as a file of the run's folder."""
        if request.claimed.platform != PLATFORM:
            raise RunError(InfrastructureType.BUILD, "Executables are built for linux alone.")
        folder = request.folder / "build"
        source = folder / "source"
        source.mkdir(parents=True)
        try:
            with disk_first(request.folder):
                self.checkout.check_out(request, source)
                if self.process.user_id is not None:
                    _give_away(source, self.process.user_id)
                request.tell("Building the executable.")
                self._build(request, folder)
                return self._taken(request, folder)
        finally:
            remove(folder)

    def _build(self, request: FetchRequest, folder: Path) -> None:
        log = request.folder / "build-output.log"
        log.touch()
        request.build_log.info(f"Build command: {self.command}")
        carried = LogForwarder(request.build_log, log, "build")
        call = Invocation((SHELL, "-c", ENTER, "build", self.command), folder, log)
        limits = Limits(seconds=self.seconds, file_bytes=self.process.limits.file_bytes, log_bytes=LOG_BYTES)
        try:
            execution = self.process(call, limits, stop=_carrying(carried, request))
        finally:
            carried.carry(whole=True)
            log.unlink()
        if execution.stopped:
            request.cancellation.check()
        _require_built(execution, self.seconds)

    def _taken(self, request: FetchRequest, folder: Path) -> Path:
        target = request.folder / "executable"
        try:
            # The build may have put a link in the checkout's place too.
            take_out(folder, ("source", *PurePosixPath(self.result).parts), target, self.process.limits.file_bytes)
        except NotFetched as why:
            raise RunError(InfrastructureType.BUILD, f"The build gave no {self.result}: {why}.") from why
        request.build_log.info(f"Built {self.result}, {target.stat().st_size} bytes.")
        return target


def _carrying(carried: LogForwarder, request: FetchRequest) -> Callable[[], bool]:
    """A look at whether to stop, which carries what was printed meanwhile into the run's log, and shares that."""
    def look() -> bool:
        carried.carry()
        if request.build_log.is_to_be_shared(SHARE_INTERVAL):
            request.share()
        return request.cancellation()

    return look


def _require_built(execution: Execution, seconds: float) -> None:
    if execution.timed_out:
        raise RunError(InfrastructureType.BUILD, f"The build took more than {seconds:.0f} seconds.")
    if execution.exit_code < 0:
        raise RunError(InfrastructureType.BUILD, f"The build was ended by signal {-execution.exit_code}, as limits on memory and size do.")
    if execution.exit_code:
        raise RunError(InfrastructureType.BUILD, f"The build failed with exit code {execution.exit_code}; the log has its output.")


def _give_away(folder: Path, user_id: int) -> None:
    """Let the sandbox's user own the files; links are given away themselves, never what they lead to."""
    os.chown(folder, user_id, user_id)
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(place, name), user_id, user_id, follow_symlinks=False)
