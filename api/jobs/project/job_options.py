"""Settings of jobs."""
from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from api.domain.jobs.archive_check import ArchiveLimits
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
