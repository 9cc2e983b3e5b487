"""Settings of jobs."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from api.domain.jobs.archive_check import ArchiveLimits
from api.domain.jobs.orders import Orders
from api.jobs.project.keeping import ArtifactLimits
from api.sandbox.limits import Limits


@dataclass(frozen=True, slots=True)
class Index:
    """Where packages are installed from when there is a network: the installer's own choice where nothing is said."""

    url: str = ""
    extra_urls: tuple[str, ...] = ()
    certificates: Path | None = None
    proxy: str = ""


@dataclass(frozen=True, slots=True)
class JobOptions:
    """The settings of a job's steps and artifacts."""

    command: tuple[str, ...] = ("python", "-m", "pytest", "-v")
    limits: Limits = field(default_factory=Limits)
    archive: ArchiveLimits = field(default_factory=ArchiveLimits)
    wheelhouse: Path | None = None
    install_network: bool = False
    artifacts: tuple[str, ...] = ()
    artifact_limits: ArtifactLimits = field(default_factory=ArtifactLimits)
    index: Index = field(default_factory=Index)
    folder: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    def ordered(self, orders: Orders) -> JobOptions:
        """The options of a job with these orders; no time limit goes beyond the server's."""
        seconds = self.limits.seconds if orders.time_limit is None else min(self.limits.seconds, orders.time_limit)
        return replace(
            self, command=orders.command or self.command, folder=orders.folder, environment=orders.environment or {},
            limits=replace(self.limits, seconds=seconds))
