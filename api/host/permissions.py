"""Creates lasting folders and files with the configured mode and group, whatever the umask is.

The supervisor of an attempt imports this module; it keeps to the standard library.
"""
from __future__ import annotations

import errno
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from api.system import BINARY, set_group, set_mode

READ = 0o444
# Nobody else gets at a file before it has the mode that it is to have.
AT_FIRST = 0o600


@dataclass(frozen=True, slots=True)
class Permissions:
    """The mode of files, whose readers may also enter the folders; and their group, unless it is the process's own."""

    mode: int = 0o600
    group: int | None = None

    def make_folder(self, folder: Path) -> None:
        """Make a folder, and those above it that are missing; one that is there stays as it is."""
        if folder.is_dir():
            return
        if folder.parent != folder:
            self.make_folder(folder.parent)
        try:
            folder.mkdir(0o700)
        except FileExistsError:
            if not folder.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), folder) from None
            return
        if self.group is not None:
            set_group(folder, self.group)
        folder.chmod(self.mode | (self.mode & READ) >> 2)

    def open(self, path: Path, flags: int) -> int:
        """A descriptor of a file, which is made if need be, or, with O_EXCL, only if need be; one that is there keeps its mode."""
        with suppress(FileExistsError):
            return self._new(path, flags)
        if flags & os.O_EXCL:
            raise FileExistsError(path)
        return os.open(path, flags | os.O_CREAT | BINARY, AT_FIRST)

    def _new(self, path: Path, flags: int) -> int:
        made = os.open(path, flags | os.O_CREAT | os.O_EXCL | BINARY, AT_FIRST)
        try:
            if self.group is not None:
                set_group(made, self.group)
            set_mode(made, self.mode)
        except OSError:
            os.close(made)
            raise
        return made


PRIVATE = Permissions()
