"""Takes an executable out of a folder whose content is not trusted."""
from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
PROGRAM = 0o755


class ExecutableNotFound(Exception):
    """There is no such file, or it may not be used; the message names nothing from inside the folder."""


def copy_executable(folder: Path, parts: Sequence[str], target: Path, limit: int) -> None:
    """Copy the regular file at `parts` to `target`, a new file, executable; no link on the way is followed. Raises ExecutableNotFound."""
    with ExitStack() as stack:
        opened = os.open(folder, OPEN_FLAGS | os.O_DIRECTORY)
        stack.callback(os.close, opened)
        for part in parts[:-1]:
            opened = _opened(part, opened, os.O_DIRECTORY)
            stack.callback(os.close, opened)
        # Without O_NONBLOCK, opening a named pipe would wait for a writer for ever.
        descriptor = _opened(parts[-1], opened, os.O_NONBLOCK)
        stack.callback(os.close, descriptor)
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ExecutableNotFound("it is no regular file")
        if found.st_size > limit:
            raise ExecutableNotFound(f"it has more than {limit} bytes")
        with os.fdopen(descriptor, "rb", closefd=False) as source, target.open("xb") as copy:
            shutil.copyfileobj(source, copy)
        target.chmod(PROGRAM)


def _opened(part: str, folder: int, kind: int) -> int:
    try:
        return os.open(part, OPEN_FLAGS | kind, dir_fd=folder)
    except FileNotFoundError:
        raise ExecutableNotFound("it is not there") from None
    except OSError:
        raise ExecutableNotFound("it, or a folder above it, is a link or cannot be opened") from None
