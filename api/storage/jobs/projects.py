"""Incoming projects: a temporary file until it is checked, then a file of its job."""
from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from api.domain.errors import NotFound
from api.storage.files.backends import INCOMING, UPLOADED
from api.storage.files.incoming import FileStore, IncomingFile, full_disk_as_unavailable
from api.storage.jobs.files import JobFiles
from api.storage.permissions import PRIVATE


@dataclass(frozen=True, slots=True)
class IncomingProject:
    """The zip file of a job that is still to be made, and where it lies meanwhile."""

    job_id: str
    path: Path
    file: IncomingFile

    def keep(self, files: JobFiles) -> None:
        """Move the zip to its place, durably. It counts for nothing until its job has a row. Raises Unavailable for a full disk."""
        target = files.project(self.job_id)
        with full_disk_as_unavailable():
            # A project is its sender's; other users of the host have no business with it.
            PRIVATE.make_folder(target.parent)
        self.file.place(target)
        for folder in (target.parent, files.root):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


class SpaceCheckedFile(IncomingFile):
    """A file on its way in that leaves room on the disk: it is refused as soon as there is less than `reserve`."""

    def __init__(self, path: Path, store: FileStore, reserve: int) -> None:
        # A job has no use for its project's hash, and hashing takes longer than writing.
        super().__init__(path, PRIVATE, hashed=False)
        self._store, self._reserve = store, reserve

    def write(self, chunk: bytes) -> None:
        """Append bytes. Raises Unavailable where the disk takes no more, or has too little left."""
        self._store.require_room(self._reserve + len(chunk))
        super().write(chunk)


def open_project(store: FileStore, job_id: str, *, reserve: int) -> IncomingProject:
    """A new file for the project of a job of this id, to be kept or discarded."""
    path = store.root / INCOMING / f"{UPLOADED}{job_id}"
    return IncomingProject(job_id, path, SpaceCheckedFile(path, store, reserve))


def share_project(files: JobFiles, job_id: str, new_id: str) -> int:
    """Give the project of a job to a new one too, which takes no more room; its size. Raises NotFound where it was removed."""
    source, target = files.project(job_id), files.project(new_id)
    with full_disk_as_unavailable():
        PRIVATE.make_folder(target.parent)
        try:
            # Whatever becomes of the one job's folder, the other's keeps the file.
            os.link(source, target)
            return target.stat().st_size
        except FileNotFoundError as gone:
            delete_project(files, new_id)
            raise NotFound("project", job_id, remedy="The project of this job was removed; submit it again.") from gone


def delete_project(files: JobFiles, job_id: str) -> None:
    """Remove the zip of a job that will not be run; whatever hinders that, an agent does it later."""
    with suppress(OSError):
        files.project(job_id).unlink(missing_ok=True)
        files.job(job_id).rmdir()
