"""What an executable must be of."""
from __future__ import annotations

from api.domain.runs import executable
from api.domain.runs.executable import NoExecutable
from api.worker.run_error import RunError


def require_names(repository: str, commit: str, platform: str) -> None:
    """Raise RunError, type checkout, where a part is not what it is said to be, and so may lead anywhere."""
    try:
        executable.require_names(repository, commit, platform)
    except NoExecutable as wrong:
        raise RunError(wrong.code, wrong.reason) from wrong
