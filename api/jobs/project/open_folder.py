"""Opens what lies in a folder without following links; its content is not trusted."""
from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

# These flags refuse links, do not block on pipes, and do not activate devices.
SAFE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class OpenFolder:
    """A folder whose files are opened without following links."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> OpenFolder:
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
