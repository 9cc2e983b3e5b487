"""Incoming projects: a temporary file until it is checked, then a file of its job."""
from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from api.domain.errors import NotFound, Unavailable
from api.host.permissions import PRIVATE
from api.storage.files.backends import INCOMING, UPLOADED
from api.storage.files.incoming import FileStore, IncomingFile
from api.storage.jobs.job_store import JobStore
from api.storage.jobs.places import job_folder, project_name


@dataclass(frozen=True, slots=True)
class IncomingProject:
    """The zip file of a job that is still to be made, and where it lies meanwhile."""

    job_id: str
    path: Path
    file: IncomingFile

    def keep(self, store: JobStore) -> None:
        """Bring the zip to its place, durably. It counts for nothing until its job has a row. Raises Unavailable."""
        store.files.keep(project_name(self.job_id), self.file)
        self.file.sync_name()


class SpaceCheckedFile(IncomingFile):
    """A file on its way in that leaves room on the disk: it is refused as soon as there is less than `reserve`."""

    def __init__(self, path: Path, store: FileStore, reserve: int) -> None:
        super().__init__(path, PRIVATE)
        self._store, self._reserve = store, reserve

    def write(self, chunk: bytes) -> None:
        """Append bytes. Raises Unavailable where the disk takes no more, or has too little left."""
        self._store.require_room(self._reserve + len(chunk))
        super().write(chunk)


def open_project(spool: FileStore, job_id: str, *, reserve: int) -> IncomingProject:
    """A new file for the project of a job of this id, to be kept or discarded."""
    path = spool.root / INCOMING / f"{UPLOADED}{job_id}"
    return IncomingProject(job_id, path, SpaceCheckedFile(path, spool, reserve))


def share_project(store: JobStore, job_id: str, new_id: str) -> None:
    """Give the project of a job to a new one too. Raises NotFound where it was removed, and Unavailable."""
    try:
        store.files.copy(project_name(job_id), project_name(new_id))
    except FileNotFoundError as gone:
        raise NotFound("project", job_id, remedy="The project of this job was removed; submit it again.") from gone


def delete_project(store: JobStore, job_id: str) -> None:
    """Remove the zip of a job that will not be run; whatever hinders that, it is removed with its age."""
    with suppress(Unavailable):
        store.files.remove_all(job_folder(job_id))
