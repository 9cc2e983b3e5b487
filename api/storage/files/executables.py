"""Executables in the operator's folder, by repository, platform and commit."""
from __future__ import annotations

import os
from pathlib import Path

from api.domain.runs.executable import NoExecutable, candidates
from api.domain.runs.infrastructure_code import InfrastructureCode


def find_executable(folder: Path, repository: str, commit: str, platform: str, *, main_repository: str) -> Path:
    """Return the executable's real path, inside `folder`; raise NoExecutable where there is none to be executed."""
    places = candidates(repository, commit, platform, main_repository=main_repository)
    found = next((folder / place for place in places if (folder / place).exists()), None)
    if found is None:
        where = f"put it at {places[0]} in the executables folder"
        raise NoExecutable(
            InfrastructureCode.EXECUTABLE_MISSING, f"No executable of {repository} at {commit[:12]} for {platform}: {where}.")
    real = found.resolve()
    if not real.is_relative_to(folder.resolve()):
        raise NoExecutable(InfrastructureCode.EXECUTABLE_NOT_ALLOWED, "The executable is a link that leads out of the executables folder.")
    # What Windows executes needs no permission for that on this system.
    if not real.is_file() or (platform == "linux" and not os.access(real, os.X_OK)):
        raise NoExecutable(InfrastructureCode.EXECUTABLE_INVALID, f"The file at {found.relative_to(folder)} cannot be executed.")
    return real
