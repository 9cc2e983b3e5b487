"""Finds what a project is, in which commit and on which branch, from git."""
from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ci_client.environment import environment_for_git

TIMEOUT = 20
LENGTHS = {"project": 100, "branch": 255}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LAST_NAME = re.compile(r"([^/:\\]+?)(?:\.git)?/?\Z")


@dataclass(frozen=True)
class Identity:
    """What a job is of; None where nothing is known. A commit ends with + where there are changes that are not in it."""

    project: str | None = None
    commit: str | None = None
    branch: str | None = None
    label: str | None = None

    def fields(self) -> dict[str, str]:
        """As the fields of a submission."""
        told = {"project": self.project, "commit": self.commit, "branch": self.branch, "label": self.label}
        return {name: value for name, value in told.items() if value is not None}

    def with_stated(self, stated: Mapping[str, str | None]) -> Identity:
        """With what a person said, in place of what was found."""
        return Identity(**{**self.fields(), **{name: value for name, value in stated.items() if value is not None}})


def find_identity(folder: Path) -> Identity:
    """What git knows of a folder; elsewhere the folder's name is the project's. Nothing here fails a submission."""
    top = folder.resolve()
    commit = _git(top, "rev-parse", "--verify", "--quiet", "HEAD")
    remote = _git(top, "remote", "get-url", "origin")
    name = _LAST_NAME.search(remote) if remote else None
    project = name[1] if name is not None else Path(_git(top, "rev-parse", "--show-toplevel") or top).name
    if commit and _git(top, "status", "--porcelain", "--untracked-files=no"):
        commit += "+"
    return Identity(_fitting("project", project), commit, _fitting("branch", _git(top, "symbolic-ref", "--quiet", "--short", "HEAD")))


def _fitting(name: str, value: str | None) -> str | None:
    """The value, unless no server takes it."""
    return value if value and len(value) <= LENGTHS[name] and not _CONTROL.search(value) else None


def _git(folder: Path, *words: str) -> str | None:
    git = shutil.which("git")
    if git is None:
        return None
    try:
        answer = subprocess.run(
            (git, "-C", str(folder), *words), capture_output=True, check=False, env=environment_for_git(), stdin=subprocess.DEVNULL,
            timeout=TIMEOUT)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.decode("utf-8", "surrogateescape").strip() or None if answer.returncode == 0 else None
