"""Files that a machine has fetched, by their hashes: checked when they come, and as many as there is room for."""
from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from api.host.lock_file import locked
from api.host.permissions import PRIVATE
from api.machine.machine_client import BYTES, ServerUnavailable, require

LOCK, PARTIAL = ".lock", ".part"
# Programs run as other users, who must be able to read samples and to execute executables.
MODE = 0o755

# Opens the file of a hash from a byte on.
Open = Callable[[str, int], AbstractContextManager[httpx.Response]]


class WrongContent(Exception):
    """What the server sent is not what its hash says."""


@dataclass(frozen=True)
class FileCache:
    """A folder of files that may take `size` bytes; those that were not used for longest go first. Processes may share it."""

    folder: Path
    size: int

    def provide(self, sha256: str, target: Path, open_remote: Open) -> None:
        """Put the file of this hash at `target`, on the same disk, fetching it if it is not here. What broke off is continued.

        Raises WrongContent, and ServerUnavailable, Refused or TokenRefused where the server does not send it.
        """
        PRIVATE.make_folder(self.folder)
        # While one process fetches a file, others that want it wait.
        with locked(self.folder / f"{sha256}{LOCK}"):
            kept = self.folder / sha256
            if not kept.is_file():
                self._fetch(sha256, kept, open_remote)
            os.utime(kept)
            target.unlink(missing_ok=True)
            os.link(kept, target)
        self._make_room()

    def _fetch(self, sha256: str, kept: Path, open_remote: Open) -> None:
        partial = kept.with_suffix(PARTIAL)
        is_continued = partial.is_file()
        try:
            self._receive(sha256, partial, open_remote)
        except httpx.RequestError as fault:
            raise ServerUnavailable(type(fault).__name__) from fault
        if _is_sound(partial, sha256):
            partial.chmod(MODE)
            partial.rename(kept)
            return
        partial.unlink()
        if not is_continued:
            raise WrongContent
        # What was here may be wrong, as after a power failure, and not what the server has.
        self._fetch(sha256, kept, open_remote)

    @staticmethod
    def _receive(sha256: str, partial: Path, open_remote: Open) -> None:
        have = partial.stat().st_size if partial.is_file() else 0
        with open_remote(sha256, have) as response:
            if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                return
            require(response)
            if response.headers.get("Content-Type") != BYTES["Content-Type"]:
                # The page of a proxy, as like as not.
                raise ServerUnavailable("the answer is none of the server's")
            fresh = response.status_code != httpx.codes.PARTIAL_CONTENT
            with os.fdopen(PRIVATE.open(partial, os.O_WRONLY | (os.O_TRUNC if fresh else os.O_APPEND)), "wb") as file:
                for piece in response.iter_bytes():
                    file.write(piece)

    def _make_room(self) -> None:
        """Remove what was not used for longest. Files in use have another name, and go on under that."""
        found = []
        for path in self.folder.iterdir():
            with suppress(OSError):
                if not path.name.endswith(LOCK):
                    found.append((path.stat().st_mtime_ns, path.stat().st_size, path))
        taken = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if taken <= self.size:
                return
            with suppress(OSError):
                path.unlink()
                path.with_name(path.name + LOCK).unlink(missing_ok=True)
                taken -= size


def _is_sound(path: Path, sha256: str) -> bool:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() == sha256
