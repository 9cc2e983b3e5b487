"""What the server keeps of jobs: projects and artifacts, and logs that grow."""
from __future__ import annotations

from dataclasses import dataclass

from api.storage.files.archive import Archive
from api.storage.files.incoming import FileStore
from api.storage.jobs.attempt_logs import AttemptLogs


@dataclass(frozen=True)
class JobStore:
    """The files of jobs, their logs, and the disk on which files lie until they have come whole."""

    files: Archive
    logs: AttemptLogs
    spool: FileStore
