"""Uploads a project: zips it into a temporary file and sends that."""
from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, cast

import httpx

from ci_client.connection import Connection
from ci_client.project_files import project_files
from ci_client.project_zip import write_project_zip

# The server may scan the zip before it answers.
SUBMISSION_SECONDS = 300.0
Progress = Callable[[int, int], None]


class Upload:
    """A file that reports how much of it was read; after a rewind it is counted again."""

    def __init__(self, file: IO[bytes], progress: Progress) -> None:
        self._file = file
        self._progress = progress
        self._total = file.seek(0, 2)
        self.seek(0)

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        piece = self._file.read(size)
        self._sent += len(piece)
        self._progress(self._sent, self._total)
        return piece

    def seek(self, place: int, whence: int = 0) -> int:
        """Go to a place in the file."""
        self._sent = self._file.seek(place, whence)
        return self._sent

    def tell(self) -> int:
        """Where the next bytes come from."""
        return self._file.tell()


def submit(
    connection: Connection, operation: str, folder: Path, *, fields: Mapping[str, object], progress: Progress | None,
) -> httpx.Response:
    """Send the project in a folder, with those of the fields that are not None; returns the server's answer, still to be read.

    Raises CiError.
    """
    files = project_files(folder, connection.notice)
    told = {name: str(value) for name, value in fields.items() if value is not None}
    with tempfile.TemporaryFile() as project:
        write_project_zip(folder.resolve(), files, project)
        upload = cast(IO[bytes], Upload(project, progress or _ignore_progress))
        return connection.open(
            "POST", operation, read_seconds=SUBMISSION_SECONDS, data=told, files={"file": ("project.zip", upload, "application/zip")})


def _ignore_progress(sent: int, total: int) -> None:
    """Discard an upload's progress."""
