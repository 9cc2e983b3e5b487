"""The host's folder for running jobs and runs, which must belong to us."""
from __future__ import annotations

import hashlib
import stat
from pathlib import Path

from api.host.permissions import PRIVATE
from api.system import is_ours


def work_folder(folder: Path) -> Path:
    """Make the folder, for us alone. Raises PermissionError where another user owns it, or it is a link: it may lie where all may write."""
    PRIVATE.make_folder(folder)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or not is_ours(found):
        raise PermissionError(f"{folder} belongs to somebody else")
    folder.chmod(0o700)
    return folder


def home_of(work: Path, installation: str) -> Path:
    """The folder of one installation's agents and workspaces within it: a host may serve several, which share nothing else."""
    return work / f"home-{hashlib.sha256(installation.encode()).hexdigest()[:16]}"
