"""The size of a folder on the disk."""
from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from api.system import size_on_disk


def is_larger(folder: Path, limit: int) -> bool:
    """Whether a folder takes more than `limit` bytes of the disk; links are not followed, files that vanish do not count."""
    total = 0
    waiting = [str(folder)]
    while waiting and total <= limit:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    total += size_on_disk(entry.stat(follow_symlinks=False))
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
    return total > limit
