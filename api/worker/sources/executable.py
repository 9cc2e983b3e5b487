"""What an executable is called, and what it must be of."""
from __future__ import annotations

from api.storage.files import executables
from api.storage.files.executables import NoExecutable, program_name
from api.worker.run_error import RunError

__all__ = ["program_name", "require_names"]


def require_names(repository: str, commit: str, platform: str) -> None:
    """Raise RunError, type checkout, where a part is not what it is said to be, and so may lead anywhere."""
    try:
        executables.require_names(repository, commit, platform)
    except NoExecutable as wrong:
        raise RunError(wrong.code, wrong.reason) from wrong
