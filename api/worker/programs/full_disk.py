"""Recognizes a full disk of the worker's host by what programs report of it."""
from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api.domain.runs.infrastructure_code import InfrastructureCode
from api.host.full_disk import FULL, is_full
from api.worker.run_error import RunError

# A program that failed on a full disk leaves less than this; it is the largest block size of common file systems.
PROBE_BYTES = 64 << 10
FILES = "the run's files"
# What programs print, in the locale that they are started with.
ERROR_TEXTS = tuple(os.strerror(number) for number in FULL)


class DiskFull(RunError):
    """The worker's disk has no room left for `what`."""

    def __init__(self, what: str = FILES) -> None:
        super().__init__(InfrastructureCode.DISK_FULL, f"The worker's disk is full: there is no room for {what}.")


def host_error(fault: OSError) -> RunError:
    """An OSError of this host as the error that ends a run."""
    if is_full(fault):
        return DiskFull()
    return RunError(InfrastructureCode.HOST_FAULT, f"The worker's host: {fault.strerror or 'input or output failed'}.")


def has_room(folder: Path) -> bool:
    """Whether a folder's disk has room for a small file of ours. Quotas of other users are not seen."""
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as probe:
            left = PROBE_BYTES
            while left > 0:
                left -= probe.write(bytes(left))
    except OSError as fault:
        return not is_full(fault)
    return True


def require_room(folder: Path, what: str = FILES) -> None:
    """Raise DiskFull where a folder's disk is full."""
    if not has_room(folder):
        raise DiskFull(what)


@contextmanager
def blame_full_disk(folder: Path) -> Iterator[None]:
    """Replace any RunError by DiskFull where the folder's disk is full."""
    try:
        yield
    except RunError:
        require_room(folder)
        raise
