"""What a source of executables is to a run, and how several are asked one after the other."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from api.domain.runs.infrastructure import InfrastructureType
from api.worker.build_log import Journal
from api.worker.cancellation import Halt
from api.worker.executable import find_executable
from api.worker.run_error import Obstacle
from api.worker.run_source import Claimed


@dataclass(frozen=True)
class Order:
    """Whose executable is wanted.

    `folder` is the run's own, for what is made on the way; `tell` says to the server what is being done,
    `share` sends it the log as far as it goes, without insisting.
    """

    claimed: Claimed
    folder: Path
    journal: Journal
    halt: Halt
    tell: Callable[[str], None]
    share: Callable[[], None] = lambda: None


class Source(Protocol):
    """A place that executables come from. What is executed of a `caged` one must run in a sandbox, whatever else is allowed."""

    @property
    def name(self) -> str:
        """The word that it is configured by."""

    @property
    def caged(self) -> bool:
        """Whether it needs a sandbox."""

    def provide(self, order: Order) -> Path:
        """Return the executable; raise Obstacle, typed, where there is none, and Halted where the run is to stop."""


@dataclass(frozen=True)
class FolderSource:
    """The operator's own folder."""

    folder: Path
    main_repository: str

    name = "folder"
    caged = False

    def provide(self, order: Order) -> Path:
        """Return the executable that the operator put there."""
        claimed = order.claimed
        return find_executable(
            self.folder, claimed.repository, claimed.commit, claimed.platform, main_repository=self.main_repository)


@dataclass(frozen=True)
class MissingSource:
    """A source that this worker cannot have, having no sandbox; it is configured, so runs say why nothing came of it."""

    name: str
    caged = True

    def provide(self, order: Order) -> Path:
        """Refuse."""
        raise _uncaged(self)


def provide(sources: Sequence[Source], order: Order, *, sandboxed: bool) -> Path:
    """Return the executable of the first source that has it.

    Each refusal is put into the run's log. Raises the Obstacle of a single source as it is; of several one of the last one's type,
    which names them all.
    """
    refusals: list[tuple[Source, Obstacle]] = []
    for source in sources:
        order.halt.check()
        try:
            if source.caged and not sandboxed:
                raise _uncaged(source)
            found = source.provide(order)
        except Obstacle as obstacle:
            refusals.append((source, obstacle))
            order.journal.warning(f"No executable from the source {source.name}: {obstacle.message}")
        else:
            order.journal.info(f"The executable is from the source {source.name}.")
            return found
    if len(refusals) == 1:
        raise refusals[0][1]
    tried = " ".join(f"{source.name}: {obstacle.reason}" for source, obstacle in refusals)
    raise Obstacle(refusals[-1][1].kind, f"No source has the executable. {tried}") from refusals[-1][1]


def _uncaged(source: Source) -> Obstacle:
    return Obstacle(InfrastructureType.WORKER, f"The source {source.name} needs a sandbox, and this worker has none.")
