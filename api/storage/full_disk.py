"""Recognizes errors of a full disk or an exceeded quota."""
from __future__ import annotations

import errno

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def is_full(fault: OSError) -> bool:
    """Whether something failed for want of room."""
    return fault.errno in FULL
