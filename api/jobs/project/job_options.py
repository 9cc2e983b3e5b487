"""Settings of jobs."""
from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from api.domain.jobs.archive_check import ArchiveLimits
from api.jobs.project.keeping import ArtifactLimits
from api.sandbox.limits import Limits


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
