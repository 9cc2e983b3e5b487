"""Selects the files of a project: all that version control does not ignore."""
from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pathspec import GitIgnoreSpec

from ci_client.environment import environment_for_git
from ci_client.errors import CiError, printable

VERSION_CONTROL_FOLDERS = frozenset({".git", ".hg", ".svn", ".jj"})
# Excluded by default, unless the project's rules say otherwise: Python's caches, and files with secrets.
WITHOUT_GIT = ("__pycache__/", "*.pyc", ".venv/", ".tox/", ".nox/", ".env")
Warn = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The rules of one folder's .gitignore, for what lies below that folder."""

    folder: Path
    spec: GitIgnoreSpec

    def verdict(self, path: Path, *, is_folder: bool) -> bool | None:
        """Whether the path is ignored; None where no rule matches."""
        relative = path.relative_to(self.folder).as_posix()
        return self.spec.check_file(f"{relative}/" if is_folder else relative).include


def project_files(folder: Path, warn: Warn) -> list[PurePosixPath]:
    """The project's files by their paths within the folder, in order. Raises CiError where there are none.

    A folder that version control ignores as a whole is a project of its own, since it was named: its own rules count alone.
    """
    top = folder.resolve()
    if not top.is_dir():
        raise CiError(f"{printable(str(folder))} is not a folder.")
    listed = _listed_by_git(top, PurePosixPath(), warn)
    if listed == [] and _is_ignored_by_git(top):
        listed = None
    found = sorted(_walk(top) if listed is None else listed, key=lambda path: os.fsencode(str(path)))
    kept = [path for path in dict.fromkeys(found) if _is_plain(top / path, path, warn)]
    if not kept:
        raise CiError(f"There is nothing to submit in {printable(str(folder))}: it has no files, or all are ignored.")
    return kept


def _is_plain(place: Path, path: PurePosixPath, warn: Warn) -> bool:
    if VERSION_CONTROL_FOLDERS.intersection(path.parts):
        return False
    try:
        mode = place.lstat().st_mode
    except FileNotFoundError:
        # Git lists what is deleted, but not yet committed.
        return False
    except NotADirectoryError:
        return False
    except OSError as wrong:
        raise CiError(f"{printable(str(path))} cannot be read: {wrong.strerror}.") from wrong
    if not stat.S_ISREG(mode):
        warn(f"{printable(str(path))} is left out: it is a link or no ordinary file.")
    return stat.S_ISREG(mode)


def _work_tree(folder: Path) -> Path | None:
    """The folder with .git that this one is, or lies in."""
    return next((place for place in (folder, *folder.parents) if (place / ".git").exists()), None)


def _listed_by_git(top: Path, below: PurePosixPath, warn: Warn) -> list[PurePosixPath] | None:
    """What git tracks, or would; with the repositories that lie within. None where git is not asked, or does not know."""
    git = shutil.which("git")
    if git is None or _work_tree(top / below) is None:
        return None
    command = (git, "-C", str(top / below), "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    answer = subprocess.run(command, capture_output=True, check=False, env=environment_for_git(), stdin=subprocess.DEVNULL)
    if answer.returncode:
        return None
    return [path for name in answer.stdout.split(b"\0") if name for path in _entry(top, below / os.fsdecode(name), warn)]


def _is_ignored_by_git(folder: Path) -> bool:
    command = ("git", "-C", str(folder), "check-ignore", "--quiet", ".")
    return subprocess.run(command, capture_output=True, check=False, env=environment_for_git(), stdin=subprocess.DEVNULL).returncode == 0


def _entry(top: Path, path: PurePosixPath, warn: Warn) -> Sequence[PurePosixPath]:
    """The file itself, or the files of a repository within this one, which git lists as one thing."""
    place = top / path
    if place.is_symlink() or not place.is_dir():
        return [path]
    if not (place / ".git").exists():
        warn(f"{printable(str(path))} is left out: it is a submodule that is not checked out.")
        return []
    listed = _listed_by_git(top, path, warn)
    if listed is None:
        raise CiError(f"git cannot list the repository in {printable(str(path))}.")
    return listed


def _walk(top: Path) -> Iterator[PurePosixPath]:
    """The files below a folder that no .gitignore ignores; those of the folders above count as far as version control reaches."""
    work_tree = _work_tree(top) or top
    rules: tuple[IgnoreRules, ...] = (IgnoreRules(work_tree, GitIgnoreSpec.from_lines(WITHOUT_GIT)),)
    for place in reversed([top, *top.parents]):
        if not place.is_relative_to(work_tree) or place == work_tree:
            continue
        rules += _rules_in(place.parent)
        if _is_ignored(place, True, rules):
            rules = (IgnoreRules(top, GitIgnoreSpec.from_lines(WITHOUT_GIT)),)
            break
    yield from _walk_below(top, top, rules)


def _walk_below(top: Path, folder: Path, above: tuple[IgnoreRules, ...]) -> Iterator[PurePosixPath]:
    rules = above + _rules_in(folder)
    try:
        entries = list(os.scandir(folder))
    except OSError as wrong:
        raise CiError(f"{printable(str(folder))} cannot be read: {wrong.strerror}.") from wrong
    for entry in entries:
        place, is_folder = folder / entry.name, entry.is_dir(follow_symlinks=False)
        if entry.name in VERSION_CONTROL_FOLDERS or _is_ignored(place, is_folder, rules):
            continue
        if is_folder:
            yield from _walk_below(top, place, rules)
        else:
            yield PurePosixPath(place.relative_to(top).as_posix())


def _rules_in(folder: Path) -> tuple[IgnoreRules, ...]:
    place = folder / ".gitignore"
    try:
        lines = place.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except (FileNotFoundError, IsADirectoryError):
        return ()
    except OSError as wrong:
        raise CiError(f"{printable(str(place))} cannot be read: {wrong.strerror}.") from wrong
    return (IgnoreRules(folder, GitIgnoreSpec.from_lines(lines)),)


def _is_ignored(place: Path, is_folder: bool, rules: tuple[IgnoreRules, ...]) -> bool:
    """The nearest .gitignore that says anything about it decides."""
    verdicts = (rule.verdict(place, is_folder=is_folder) for rule in reversed(rules))
    return next((verdict for verdict in verdicts if verdict is not None), False)
