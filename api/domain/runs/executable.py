"""What an executable is called, what it must be of, and where it may lie."""
from __future__ import annotations

import re

from api.domain.runs.infrastructure_code import InfrastructureCode

_COMMIT = re.compile(r"[0-9a-f]{4,64}")
_REPOSITORY = re.compile(r"(?!\.{1,2}/)[A-Za-z0-9._-]{1,100}/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}")
_NAMES = {"linux": "ccextractor", "windows": "ccextractorwinfull.exe"}


class NoExecutable(Exception):
    """There is no executable to be had, for this reason, which names no path outside the folder."""

    def __init__(self, code: InfrastructureCode, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


def require_names(repository: str, commit: str, platform: str) -> None:
    """Raise NoExecutable, type checkout, where a part is not what it is said to be, and so may lead anywhere."""
    if _REPOSITORY.fullmatch(repository) is None or platform not in _NAMES:
        raise NoExecutable(InfrastructureCode.REVISION_INVALID, "The run names no repository or platform that can be looked up.")
    if _COMMIT.fullmatch(commit.lower()) is None:
        raise NoExecutable(InfrastructureCode.REVISION_INVALID, "The run's commit is not a hexadecimal hash.")


def program_name(platform: str) -> str:
    """What the executable is called on the platform."""
    return _NAMES[platform]


def candidates(repository: str, commit: str, platform: str, *, main_repository: str) -> tuple[str, ...]:
    """Return where an executable may lie, relative to the folder, the better place first.

    That is `owner/name/platform/commit/…`, and for the main repository also without the first two.
    Raises NoExecutable, type checkout, where a part is not what it is said to be.
    """
    require_names(repository, commit, platform)
    own = f"{platform}/{commit.lower()}/{_NAMES[platform]}"
    if repository.lower() == main_repository.lower():
        return f"{repository}/{own}", own
    return (f"{repository}/{own}",)
