"""Executables from GitHub's build artifacts."""
from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from api.domain.jobs.archive_check import ArchiveLimits, ZipRejected
from api.domain.runs.executable import program_name
from api.domain.runs.infrastructure_code import InfrastructureCode
from api.host.temporary_folder import remove
from api.integrations.github.build_artifacts import GitHubBuilds, GitHubFailed, NoBuild
from api.jobs.project.unpack import UnpackFailure, unpack
from api.worker.programs.full_disk import blame_full_disk
from api.worker.run_error import RunError
from api.worker.sources.executable import require_names
from api.worker.sources.executable_fetch import ExecutableNotFound, copy_executable
from api.worker.sources.source import FetchRequest

CONTENTS = ArchiveLimits(total_bytes=1 << 30, file_bytes=1 << 30, ratio=1000)


@dataclass(frozen=True)
class ArtifactSource:
    """The artifact `artifact` of the commit's builds; in it the file `path`, or where that is empty the platform's usual name."""

    builds: GitHubBuilds
    artifact: str
    path: str = ""
    limit: int = 512 << 20
    seconds: float = 600
    user_id: int | None = None
    contents: ArchiveLimits = field(default=CONTENTS)

    name = "artifact"
    needs_sandbox = True

    def provide(self, request: FetchRequest) -> Path:
        """Return the executable, as a file of the run's folder."""
        claimed = request.claimed
        require_names(claimed.repository, claimed.commit, claimed.platform)
        folder, project = request.folder / "artifact", request.folder / "artifact.zip"
        folder.mkdir()
        try:
            with blame_full_disk(request.folder):
                self._download(request, project)
                return self._unpack(request, project, folder)
        finally:
            project.unlink(missing_ok=True)
            remove(folder)

    def _download(self, request: FetchRequest, project: Path) -> None:
        claimed = request.claimed
        request.report_step(f"Asking GitHub for a build of {claimed.repository} at {claimed.commit[:12]}.")
        try:
            found = self.builds.find(
                claimed.repository, claimed.commit.lower(), self.artifact, from_forks=claimed.pull_request is not None)
            request.build_log.info(f"GitHub has the artifact {found.artifact_id}, {found.size} bytes.")
            self.builds.download(found, project, limit=self.limit, seconds=self.seconds, check=request.cancellation.check)
        except NoBuild as why:
            raise RunError(InfrastructureCode.BUILD_ARTIFACT_MISSING, f"No build artifact: {why}.") from None
        except GitHubFailed as why:
            raise RunError(InfrastructureCode.DOWNLOAD_FAILED, f"Could not download a build artifact: {why}.") from None

    def _unpack(self, request: FetchRequest, project: Path, folder: Path) -> Path:
        target = request.folder / "executable"
        try:
            if self.user_id is not None:
                os.chown(folder, self.user_id, self.user_id)
            unpack(project, folder, self.contents, user_id=self.user_id)
            copy_executable(folder, self._place(folder, request.claimed.platform), target, self.contents.file_bytes)
        except ZipRejected as refusal:
            raise RunError(InfrastructureCode.BUILD_ARTIFACT_INVALID, f"The build artifact cannot be unpacked: {refusal}") from None
        except UnpackFailure as failure:
            raise RunError(InfrastructureCode.UNPACK_FAILED, str(failure)) from None
        except ExecutableNotFound as why:
            raise RunError(InfrastructureCode.EXECUTABLE_MISSING, f"The build artifact has no executable: {why}.") from None
        return target

    def _place(self, folder: Path, platform: str) -> tuple[str, ...]:
        """The path of the executable: as configured, or for a bare name that of the only file of this name."""
        wanted = PurePosixPath(self.path or program_name(platform))
        if len(wanted.parts) > 1 or (folder / wanted).exists():
            return wanted.parts
        found = [path for path in folder.rglob("*") if path.name == wanted.name and path.is_file()]
        if len(found) > 1:
            raise ExecutableNotFound("it has several files of that name")
        return found[0].relative_to(folder).parts if found else wanted.parts
