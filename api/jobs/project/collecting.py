"""Collects reports, coverage and artifacts from a workspace, whose content is not trusted."""
from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from api.domain.jobs.junit_report import JobReport, NoReport, read_report
from api.jobs.project.python_runtime import REPORT, RESULTS
from api.storage.jobs.files import AttemptFiles, put
from api.storage.permissions import PRIVATE

CHUNK = 1 << 20
MAX_DEPTH = 32
MAX_NAME_LENGTH = 1024
MAX_ENTRIES = 200_000
REPORT_BYTES = 64 << 20
COVERAGE = re.compile(r"(^|/)(\.coverage(\..*)?|coverage\.(xml|json)|lcov\.info)$|^htmlcov/")
JUNIT, COVERED, FILE = "junit", "coverage", "file"
JUNIT_NAME = "junit.xml"
NO_NAME = re.compile(r"[\x00-\x1f\x7f\\]")
# Errors of a name that collides with another file or makes too long a path.
NO_PLACE = frozenset({errno.EEXIST, errno.ENOTDIR, errno.ENAMETOOLONG})
# These flags refuse links, do not block on pipes, and do not activate devices.
SAFE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class ArtifactLimits:
    """How much is kept of one attempt; sizes in bytes."""

    files: int = 1000
    file_bytes: int = 64 << 20
    total_bytes: int = 256 << 20


def collect(workspace: Path, files: AttemptFiles, patterns: Sequence[str], limits: ArtifactLimits) -> None:
    """Copy matching files into the attempt's folder, and write its manifest. The job must have ended.

    Raises OSError, for instance on a full disk; then there is no manifest.
    """
    shutil.rmtree(files.artifacts, ignore_errors=True)
    PRIVATE.make_folder(files.artifacts)
    keeper = _Keeper(files.artifacts, limits)
    with suppress(FileNotFoundError), _Folder(workspace) as root:
        for name in sorted(_matching(root, patterns), key=lambda each: (each != REPORT, each)):
            keeper.keep(root, name)
    put(files.manifest, {"artifacts": keeper.kept, "junit": keeper.report and keeper.report.as_json(), "left_out": keeper.left_out})


class _Folder:
    """A folder whose files are opened without following links."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> _Folder:
        self.descriptor = os.open(self._path, SAFE_FLAGS | os.O_DIRECTORY)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)

    def open(self, name: str, flags: int = SAFE_FLAGS) -> int:
        """Open what lies at a path below the folder. Raises OSError, also where a step of the path is a link."""
        *above, last = PurePosixPath(name).parts or (".",)
        within = os.dup(self.descriptor)
        try:
            for step in above:
                deeper = os.open(step, SAFE_FLAGS | os.O_DIRECTORY, dir_fd=within)
                os.close(within)
                within = deeper
            return os.open(last, flags, dir_fd=within)
        finally:
            os.close(within)


class _Keeper:
    """Copies files while there is room for them."""

    def __init__(self, target: Path, limits: ArtifactLimits) -> None:
        self._target, self._limits = target, limits
        self._room = limits.total_bytes
        self.kept: list[dict[str, Any]] = []
        self.report: JobReport | None = None
        self.left_out = 0

    def keep(self, root: _Folder, name: str) -> None:
        """Copy one file, or count it as left out."""
        kept_as = JUNIT_NAME if name == REPORT else name
        try:
            source = root.open(name)
        except OSError:
            self.left_out += 1
            return
        try:
            size = os.fstat(source)
            if not stat.S_ISREG(size.st_mode) or not self._has_room(size.st_size) or (self._target / kept_as).exists():
                self.left_out += 1
                return
            self._copy(source, kept_as, size.st_size)
        except OSError as fault:
            if fault.errno not in NO_PLACE:
                raise
            self.left_out += 1
        finally:
            os.close(source)

    def _has_room(self, size: int) -> bool:
        return len(self.kept) < self._limits.files and size <= min(self._limits.file_bytes, self._room)

    def _copy(self, source: int, name: str, size: int) -> None:
        target = self._target / name
        PRIVATE.make_folder(target.parent)
        report = self._read_report(source) if self._may_be_report(name) else None
        digest, written = hashlib.sha256(), 0
        with os.fdopen(PRIVATE.open(target, os.O_WRONLY | os.O_EXCL), "wb") as copy:
            for chunk in _chunks(source, size):
                digest.update(chunk)
                written += copy.write(chunk)
        self._room -= written
        self.report = report or self.report
        kind = JUNIT if report is not None else COVERED if COVERAGE.search(name) else FILE
        self.kept.append({"name": name, "size_bytes": written, "sha256": digest.hexdigest(), "kind": kind})

    def _may_be_report(self, name: str) -> bool:
        return self.report is None and PurePosixPath(name).name == JUNIT_NAME

    def _read_report(self, source: int) -> JobReport | None:
        try:
            return read_report(_chunks(source, REPORT_BYTES))
        except NoReport:
            return None


def _chunks(source: int, size: int) -> Iterator[bytes]:
    """The content in chunks, up to `size` bytes."""
    position = 0
    while position < size and (chunk := os.pread(source, min(CHUNK, size - position), position)):
        yield chunk
        position += len(chunk)


def _matching(root: _Folder, patterns: Sequence[str]) -> Iterator[str]:
    """The files that match the patterns, and our own report."""
    wanted = tuple(_expression(pattern) for pattern in patterns)
    for name in islice(_walk(root), MAX_ENTRIES):
        if name == REPORT or not name.startswith(f"{RESULTS}/") and any(each.fullmatch(name) for each in wanted):
            yield name


def _walk(root: _Folder) -> Iterator[str]:
    waiting = [""]
    while waiting:
        above = waiting.pop()
        for entry, is_folder in _entries(root, above):
            name = f"{above}{entry}"
            if len(name) > MAX_NAME_LENGTH:
                continue
            if is_folder and name.count("/") < MAX_DEPTH:
                waiting.append(f"{name}/")
            elif not is_folder:
                yield name


def _entries(root: _Folder, folder: str) -> list[tuple[str, bool]]:
    """The files and folders in a folder, in order, without links, devices, pipes and unpresentable names."""
    found = []
    with suppress(OSError):
        opened = root.open(folder, SAFE_FLAGS | os.O_DIRECTORY)
        try:
            with os.scandir(opened) as entries:
                for entry in entries:
                    is_folder = entry.is_dir(follow_symlinks=False)
                    if _is_presentable(entry.name) and (is_folder or entry.is_file(follow_symlinks=False)):
                        found.append((entry.name, is_folder))
                        if len(found) > MAX_ENTRIES:
                            break
        finally:
            os.close(opened)
    return sorted(found)


def _is_presentable(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return NO_NAME.search(name) is None


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    """A glob pattern of paths as a regular expression: `*` and `?` match within a name, `**` any folders."""
    words = {"**/": "(?:.+/)?", "**": ".+", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(words.get(part) or re.escape(part) for part in re.split(r"(\*\*/|\*\*|\*|\?)", pattern)), re.DOTALL)
