"""Full disks: how much is left free, and what errors one gives, or an exceeded quota."""
from __future__ import annotations

import errno

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
# How many bytes of their disk projects, artifacts and files of the library leave free.
DISK_RESERVE = 256 << 20


def is_full(fault: OSError) -> bool:
    """Whether something failed for want of room."""
    return fault.errno in FULL
