"""Makes the configured sources of a worker's executables."""
from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from itertools import count

from api.commands.failure import CommandFailed
from api.config import Settings
from api.host.slots import Slot
from api.integrations.github.build_artifacts import GitHubBuilds
from api.sandbox.limits import Limits
from api.sandbox.sandbox import Sandbox
from api.worker.programs.sandboxed_run import SandboxedRun
from api.worker.run_source import RunSource
from api.worker.sources.artifact import ArtifactSource
from api.worker.sources.build import BuildSource
from api.worker.sources.build_cache import BuildCache
from api.worker.sources.checkout import Checkout
from api.worker.sources.git import GitOptions
from api.worker.sources.source import FolderSource, MissingSource, Source

BUILD_PROCESSES, BUILD_DISK = 512, 4 << 30


def sources(settings: Settings, runs: RunSource, sandbox: Sandbox | None, slot: Slot | None) -> tuple[Source, ...]:
    """The sources in the configured order. Raises CommandFailed if a source lacks a setting."""
    makers: dict[str, Callable[[], Source]] = {
        "folder": lambda: FolderSource(runs),
        "artifact": partial(_artifact, settings, slot),
        "build": partial(_build, settings, sandbox, slot)}
    return tuple(makers[name]() for name in settings.executable_sources)


def _artifact(settings: Settings, slot: Slot | None) -> Source:
    if not settings.build_artifact:
        raise CommandFailed("CI_EXECUTABLE_SOURCES names artifact, so CI_BUILD_ARTIFACT must say what the artifact is called")
    builds = GitHubBuilds(settings.github_api_url, settings.github_token)
    return ArtifactSource(
        builds, settings.build_artifact, settings.build_artifact_file,
        user_id=slot.user_id if slot is not None else None)


def _build(settings: Settings, sandbox: Sandbox | None, slot: Slot | None) -> Source:
    if sandbox is None or slot is None:
        return MissingSource("build")
    limits = Limits(
        memory_bytes=settings.build_memory, processes=BUILD_PROCESSES, cpus=settings.build_cpus, workspace_bytes=BUILD_DISK)
    numbers = count()
    sandboxed = SandboxedRun(sandbox, limits, slot.user_id, lambda: f"build-{os.getpid()}-{next(numbers)}")
    git = GitOptions(
        settings.git_base_url, settings.work_dir.absolute() / "repositories", authorities=settings.git_ca_file, cgroup=settings.cgroup)
    checkout = Checkout(git, settings.main_repository, settings.base_branch)
    built = BuildCache(settings.work_dir.absolute() / "builds")
    return BuildSource(
        checkout, settings.build_command, settings.build_output, settings.build_timeout, sandboxed, built, settings.build_dependencies,
        settings.build_tools)
