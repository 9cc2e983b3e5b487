"""Projects on their way in: a file in TempFiles until it is judged, then in the place where its job's agent looks for it."""
from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from api.storage.backends import INCOMING
from api.storage.files import FileStore, Incoming
from api.storage.job_files import JobFiles


@dataclass(frozen=True, slots=True)
class IncomingProject:
    """The zip file of a job that is still to be made, and where it lies meanwhile."""

    job_id: str
    path: Path
    file: Incoming

    def keep(self, files: JobFiles) -> None:
        """Move the zip to its place, durably. It counts for nothing until its job has a row. Raises Unavailable for a full disk."""
        target = files.project(self.job_id)
        self.file.place(target)
        for folder in (target.parent, files.root):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def open_project(store: FileStore, job_id: str) -> IncomingProject:
    """A new file for the project of a job of this id, to be kept or discarded."""
    path = store.root / INCOMING / f"upload-{job_id}"
    return IncomingProject(job_id, path, Incoming(path))
