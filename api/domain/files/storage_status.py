"""Whether a file is on the disk, in the bucket, or in both, as the contract names it."""
from __future__ import annotations

from enum import StrEnum


class StorageStatus(StrEnum):
    """`ok`: in the local store and in the bucket · `degraded`: in one of them · `missing`: in neither."""

    OK = "ok"
    DEGRADED = "degraded"
    MISSING = "missing"


def storage_status(holding: int, silent: int = 0) -> StorageStatus:
    """The status of a file that so many stores hold, while so many others did not answer.

    A store that did not answer makes a file degraded: it is not known to be in both, nor to be in none.
    """
    if holding > 1:
        return StorageStatus.OK
    return StorageStatus.DEGRADED if holding or silent else StorageStatus.MISSING
