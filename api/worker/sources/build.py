"""Executables that this worker builds: the commit's files, the configured command, in a cage without network."""
from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path, PurePosixPath

from api.domain.runs.infrastructure import InfrastructureType
from api.host.temporary_folder import remove
from api.worker.build_log import Carried
from api.worker.command import Invocation
from api.worker.full_disk import disk_first
from api.worker.process import Execution, Limits
from api.worker.run_error import Obstacle
from api.worker.sandboxed_run import SandboxedRun
from api.worker.sources.checkout import Checkout
from api.worker.sources.executable_fetch import NotTaken, take_out
from api.worker.sources.source import Order

PLATFORM = "linux"
SHELL = "/bin/sh"
# The command's home is the folder above the checkout, so that what tools keep there is not among the files.
ENTER = 'cd source && exec /bin/sh -c "$1"'
LOG_BYTES = 8 << 20
SHARE_EVERY = timedelta(seconds=3)


@dataclass(frozen=True)
class BuildSource:
    """Checkout, merge and build. `command` is a line for the shell, run in the checkout; `result` the executable's path there.

    `cage` holds the limits of a build, but for its time in `seconds`.
    """

    checkout: Checkout
    command: str
    result: str
    seconds: float
    cage: SandboxedRun

    name = "build"
    caged = True

    def provide(self, order: Order) -> Path:
        """Return what the build made, as a file of the run's folder."""
        if order.claimed.platform != PLATFORM:
            raise Obstacle(InfrastructureType.BUILD, "Executables are built for linux alone.")
        folder = order.folder / "build"
        source = folder / "source"
        source.mkdir(parents=True)
        try:
            with disk_first(order.folder):
                self.checkout.check_out(order, source)
                if self.cage.user_id is not None:
                    _give_away(source, self.cage.user_id)
                order.tell("Building the executable.")
                self._build(order, folder)
                return self._taken(order, folder)
        finally:
            remove(folder)

    def _build(self, order: Order, folder: Path) -> None:
        log = order.folder / "build-output.log"
        log.touch()
        order.journal.info(f"Build command: {self.command}")
        carried = Carried(order.journal, log, "build")
        call = Invocation((SHELL, "-c", ENTER, "build", self.command), folder, log)
        limits = Limits(seconds=self.seconds, file_bytes=self.cage.limits.file_bytes, log_bytes=LOG_BYTES)
        try:
            execution = self.cage(call, limits, stop=_carrying(carried, order))
        finally:
            carried.carry(whole=True)
            log.unlink()
        if execution.stopped:
            order.halt.check()
        _require_built(execution, self.seconds)

    def _taken(self, order: Order, folder: Path) -> Path:
        target = order.folder / "executable"
        try:
            # The build may have put a link in the checkout's place too.
            take_out(folder, ("source", *PurePosixPath(self.result).parts), target, self.cage.limits.file_bytes)
        except NotTaken as why:
            raise Obstacle(InfrastructureType.BUILD, f"The build gave no {self.result}: {why}.") from why
        order.journal.info(f"Built {self.result}, {target.stat().st_size} bytes.")
        return target


def _carrying(carried: Carried, order: Order) -> Callable[[], bool]:
    """A look at whether to stop, which carries what was printed meanwhile into the run's log, and shares that."""
    def look() -> bool:
        carried.carry()
        if order.journal.is_to_be_shared(SHARE_EVERY):
            order.share()
        return order.halt()

    return look


def _require_built(execution: Execution, seconds: float) -> None:
    if execution.timed_out:
        raise Obstacle(InfrastructureType.BUILD, f"The build took more than {seconds:.0f} seconds.")
    if execution.exit_code < 0:
        raise Obstacle(InfrastructureType.BUILD, f"The build was ended by signal {-execution.exit_code}, as limits on memory and size do.")
    if execution.exit_code:
        raise Obstacle(InfrastructureType.BUILD, f"The build failed with exit code {execution.exit_code}; the log has its output.")


def _give_away(folder: Path, user_id: int) -> None:
    """Let the cage's user own the files; links are given away themselves, never what they lead to."""
    os.chown(folder, user_id, user_id)
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(place, name), user_id, user_id, follow_symlinks=False)
