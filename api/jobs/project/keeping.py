"""Copies files of a workspace while there is room for them, and reads the reports among them."""
from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.domain.jobs.artifact_limit import ArtifactLimit
from api.domain.jobs.junit_report import JobReport, NoReport, read_report
from api.host.full_disk import is_full
from api.host.permissions import PRIVATE
from api.jobs.project.open_folder import OpenFolder
from api.jobs.project.python_runtime import REPORT

CHUNK = 1 << 20
# How many bytes the names of all files may have together: a machine sends them in one request.
MAX_NAMES = 256 << 10
REPORT_BYTES = 64 << 20
# What is read of all files together may be so many times the space that they take: holes cost time.
HOLES = 4
COVERAGE = re.compile(r"(^|/)(\.coverage(\..*)?|coverage\.(xml|json)|lcov\.info)$|^htmlcov/")
REPORT_FILE = re.compile(r"\.xml$", re.IGNORECASE)
JUNIT, COVERED, FILE = "junit", "coverage", "file"
JUNIT_NAME = "junit.xml"
# Errors of a name that collides with another file or makes too long a path.
NO_PLACE = frozenset({errno.EEXIST, errno.ENOTDIR, errno.ENAMETOOLONG})


@dataclass(frozen=True, slots=True)
class ArtifactLimits:
    """How much is kept of one attempt; sizes in bytes.

    `file_bytes` is a file's size, `total_bytes` the space that all take, which for files with holes is less. `reserve` stays free on the
    disk. What the account may still take the server says, when they are sent.
    """

    files: int = 1000
    file_bytes: int = 64 << 20
    total_bytes: int = 256 << 20
    reserve: int = 0


class Keeper:
    """Copies files while there is room for them. A job's own report stands alone; without one, all that are found count together."""

    def __init__(self, target: Path, limits: ArtifactLimits) -> None:
        self._target, self._limits = target, limits
        self._has_own_report = False
        self._read = self._report_bytes = self._name_bytes = self.taken = 0
        self.kept: list[dict[str, Any]] = []
        self.report: JobReport | None = None
        self.left_out = 0
        self.limits_hit: set[ArtifactLimit] = set()

    def keep(self, root: OpenFolder, name: str) -> None:
        """Copy one file, or count it as left out. Raises OSError."""
        try:
            source = root.open(name)
        except OSError:
            self._leave_out(ArtifactLimit.NAME)
            return
        try:
            self._keep(source, JUNIT_NAME if name == REPORT else name, is_own_report=name == REPORT)
        except OSError as fault:
            if is_full(fault):
                self._leave_out(ArtifactLimit.DISK)
            elif fault.errno in NO_PLACE:
                self._leave_out(ArtifactLimit.NAME)
            else:
                raise
        finally:
            os.close(source)

    def _keep(self, source: int, name: str, *, is_own_report: bool) -> None:
        status = os.fstat(source)
        if not stat.S_ISREG(status.st_mode) or (self._target / name).exists():
            self._leave_out(ArtifactLimit.NAME)
            return
        # The report is read first: it counts even where it cannot be kept.
        report = self._read_report(source, status.st_size) if REPORT_FILE.search(name) and not COVERAGE.search(name) else None
        if report is not None:
            self._add(report, is_own_report)
        taken = sum(end - begin for begin, end in _data(source, status.st_size))
        hit = self._limit_hit(name, status.st_size, taken)
        if hit is not None:
            self._leave_out(hit)
            return
        self._read += status.st_size
        self._name_bytes += len(name.encode())
        self.taken += taken
        kind = JUNIT if report is not None else COVERED if COVERAGE.search(name) else FILE
        self.kept.append({
            "name": name, "size_bytes": status.st_size, "sha256": self._copy(source, name, status.st_size), "kind": kind})

    def _limit_hit(self, name: str, size: int, taken: int) -> ArtifactLimit | None:
        limits = self._limits
        if len(self.kept) >= limits.files:
            return ArtifactLimit.FILE_COUNT
        if self._name_bytes + len(name.encode()) > MAX_NAMES:
            return ArtifactLimit.NAME
        if size > limits.file_bytes:
            return ArtifactLimit.FILE_SIZE
        if self.taken + taken > limits.total_bytes or self._read + size > HOLES * limits.total_bytes:
            return ArtifactLimit.TOTAL_SIZE
        disk = os.statvfs(self._target)
        return ArtifactLimit.DISK if disk.f_bavail * disk.f_frsize < limits.reserve + taken else None

    def _leave_out(self, limit: ArtifactLimit) -> None:
        self.left_out += 1
        self.limits_hit.add(limit)

    def _copy(self, source: int, name: str, size: int) -> str:
        """Copy a file, its holes as holes; the copy's SHA-256."""
        target = self._target / name
        PRIVATE.make_folder(target.parent)
        digest, at = hashlib.sha256(), 0
        copy = PRIVATE.open(target, os.O_WRONLY | os.O_EXCL)
        try:
            for begin, end in _data(source, size):
                _hash_zeros(digest, begin - at)
                at = begin
                for chunk in _chunks(source, begin, end):
                    digest.update(chunk)
                    at += os.pwrite(copy, chunk, at)
            _hash_zeros(digest, size - at)
            os.ftruncate(copy, size)
        except OSError:
            with suppress(OSError):
                target.unlink()
            raise
        finally:
            os.close(copy)
        return digest.hexdigest()

    def _read_report(self, source: int, size: int) -> JobReport | None:
        if self._has_own_report:
            return None
        with suppress(NoReport):
            return read_report(self._report_chunks(source, size))
        return None

    def _report_chunks(self, source: int, size: int) -> Iterator[bytes]:
        """The content, as far as no more than allowed is read of all files that may be reports."""
        for chunk in _chunks(source, 0, min(size, max(0, REPORT_BYTES - self._report_bytes))):
            self._report_bytes += len(chunk)
            yield chunk

    def _add(self, report: JobReport, is_own: bool) -> None:
        self._has_own_report = is_own
        if self.report is None:
            self.report = report
        else:
            self.report.add(report)


def _data(source: int, size: int) -> Iterator[tuple[int, int]]:
    """Where the file has data, as begins and ends up to `size`; between them are holes."""
    end = 0
    while end < size:
        try:
            begin = os.lseek(source, end, os.SEEK_DATA)
            end = min(size, os.lseek(source, begin, os.SEEK_HOLE))
        except OSError as fault:
            # Behind the last data there is only a hole.
            if fault.errno != errno.ENXIO:
                raise
            return
        if begin < size:
            yield begin, end


def _chunks(source: int, begin: int, end: int) -> Iterator[bytes]:
    """The content in chunks."""
    while begin < end and (chunk := os.pread(source, min(CHUNK, end - begin), begin)):
        yield chunk
        begin += len(chunk)


def _hash_zeros(digest: Any, count: int) -> None:
    zeros = bytes(min(count, CHUNK))
    while count > 0:
        digest.update(zeros[:count])
        count -= len(zeros)
