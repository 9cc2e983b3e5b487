"""What the system says where a disk, or an account's share of it, has no room left."""
from __future__ import annotations

import errno

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def is_full(fault: OSError) -> bool:
    """Whether something failed for want of room."""
    return fault.errno in FULL
