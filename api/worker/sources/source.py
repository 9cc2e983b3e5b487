"""The interface of a source of executables."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from api.domain.runs.claimed_run import BuildReport
from api.domain.runs.executable import program_name
from api.domain.runs.infrastructure_code import InfrastructureCode
from api.worker.cancellation import Cancellation
from api.worker.run_error import RunError
from api.worker.run_source import ClaimedRun, RunSource
from api.worker.sources.build_log import BuildLog


@dataclass
class Build:
    """What a source learned on the way: where a pull request left its base branch, and how long the build took, in milliseconds."""

    merge_base: str | None = None
    duration_ms: int | None = None

    @property
    def reported(self) -> BuildReport:
        """The same as it is reported."""
        return BuildReport(self.merge_base, self.duration_ms)


@dataclass(frozen=True)
class FetchRequest:
    """Whose executable is wanted.

    `folder` is the run's own, for what is made on the way; `report_step` says to the server what is being done. `build` is where a
    source that builds leaves what it learned.
    """

    claimed: ClaimedRun
    folder: Path
    build_log: BuildLog
    cancellation: Cancellation
    report_step: Callable[[str], None]
    build: Build = field(default_factory=Build)


class Source(Protocol):
    """A place that executables come from. What is executed of a `sandboxed` one must run in a sandbox, whatever else is allowed."""

    @property
    def name(self) -> str:
        """The word that it is configured by."""

    @property
    def needs_sandbox(self) -> bool:
        """Whether it needs a sandbox."""

    def provide(self, request: FetchRequest) -> Path:
        """Return the executable; raise RunError, typed, where there is none, and Cancelled where the run is to stop."""


@dataclass(frozen=True)
class FolderSource:
    """The operator's own folder, at the server."""

    run_source: RunSource

    name = "folder"
    needs_sandbox = False

    def provide(self, request: FetchRequest) -> Path:
        """Return the executable that the operator put there, as a file of the run's folder."""
        target = request.folder / program_name(request.claimed.platform)
        self.run_source.fetch_executable(request.claimed, target, request.cancellation.pause)
        return target


@dataclass(frozen=True)
class MissingSource:
    """A source that this worker cannot have, having no sandbox; it is configured, so runs say why nothing came of it."""

    name: str
    needs_sandbox = True

    def provide(self, request: FetchRequest) -> Path:
        """Refuse."""
        raise _needs_sandbox(self)


def provide(sources: Sequence[Source], request: FetchRequest, *, sandboxed: bool) -> Path:
    """Return the executable of the first source that has it.

    Each refusal is put into the run's log. Raises the RunError of a single source as it is; of several one of the last one's code,
    which names them all.
    """
    refusals: list[tuple[Source, RunError]] = []
    for source in sources:
        request.cancellation.check()
        try:
            if source.needs_sandbox and not sandboxed:
                raise _needs_sandbox(source)
            found = source.provide(request)
        except RunError as run_error:
            refusals.append((source, run_error))
            request.build_log.warning(f"No executable from the source {source.name}: {run_error.message}")
        else:
            request.build_log.info(f"The executable is from the source {source.name}.")
            return found
    if len(refusals) == 1:
        raise refusals[0][1]
    tried = " ".join(f"{source.name}: {run_error.reason}" for source, run_error in refusals)
    raise RunError(refusals[-1][1].code, f"No source has the executable. {tried}") from refusals[-1][1]


def _needs_sandbox(source: Source) -> RunError:
    return RunError(InfrastructureCode.SANDBOX_UNAVAILABLE, f"The source {source.name} needs a sandbox, and this worker has none.")
