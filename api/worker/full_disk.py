"""Recognizes a full disk of the worker's host by what programs report of it."""
from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api.domain.runs.infrastructure import InfrastructureType
from api.storage.full_disk import FULL, is_full
from api.worker.run_error import RunError

# A program that meets a full disk leaves less than this; the largest block of a usual file system is no larger.
ROOM = 64 << 10
FILES = "the run's files"
# Programs' own words, in the language that they are started with.
WORDS = tuple(os.strerror(number) for number in FULL)


class DiskFull(RunError):
    """The worker's disk has no room left for `what`."""

    def __init__(self, what: str = FILES) -> None:
        super().__init__(InfrastructureType.STORAGE, f"The worker's disk is full: there is no room for {what}.")


def host_fault(fault: OSError) -> RunError:
    """What the host did not do, as the reason that a run is given up with."""
    if is_full(fault):
        return DiskFull()
    return RunError(InfrastructureType.STORAGE, f"The worker's host: {fault.strerror or 'input or output failed'}.")


def has_room(folder: Path) -> bool:
    """Whether a folder's disk takes a little more of us. Where a program's user has a smaller share of it, that is not seen."""
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as probe:
            left = ROOM
            while left > 0:
                left -= probe.write(bytes(left))
    except OSError as fault:
        return not is_full(fault)
    return True


def require_room(folder: Path, what: str = FILES) -> None:
    """Raise DiskFull where a folder's disk takes no more."""
    if not has_room(folder):
        raise DiskFull(what)


@contextmanager
def disk_first(folder: Path) -> Iterator[None]:
    """What fails here while the folder's disk is full failed for that, whatever it says of itself. Raises DiskFull in its place."""
    try:
        yield
    except RunError:
        require_room(folder)
        raise
