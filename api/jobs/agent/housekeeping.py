"""Removes workspaces, sandboxes and files of dead jobs from this host."""
from __future__ import annotations

import logging
import re
import shutil
import time
from collections.abc import Callable
from contextlib import suppress

from api.domain.jobs.identity import is_job_id
from api.jobs.files import JobFiles
from api.jobs.project.workspaces import WorkspaceFailure, Workspaces
from api.sandbox.sandbox import Sandbox

log = logging.getLogger(__name__)

HOST_INTERVAL = 60.0
# Younger remains may be about to be used.
MIN_AGE_SECONDS = 60.0
JOB_ID_LENGTH = 36
WORKSPACE = re.compile(r"([0-9a-f-]{36})-([0-9]+)-([0-9]+)", re.ASCII)


class Housekeeping:
    """Tidies an agent's host. `files` are those of the host."""

    def __init__(self, files: JobFiles, workspaces: Workspaces, sandbox: Sandbox | None) -> None:
        self._files, self._workspaces, self._sandbox = files, workspaces, sandbox

    def tidy_host(self, held_names: Callable[[], frozenset[str] | None]) -> None:
        """Remove the workspaces, files and sandboxes that nothing uses; nothing while it is not known what is in use."""
        workspaces = [
            name for name in self._workspaces.names() if (found := WORKSPACE.fullmatch(name)) and self._is_orphaned(*found.groups())]
        attempts = [attempt for job_id in self._job_ids() for attempt in self._files.attempts(job_id) if not attempt.is_supervised()]
        held = held_names()
        if held is None:
            return
        for name in workspaces:
            if name not in held:
                self._remove_workspace(name)
        for attempt in attempts:
            if f"{attempt.folder.parent.name}-{attempt.folder.name}" not in held:
                shutil.rmtree(attempt.folder, ignore_errors=True)
        self._remove_projects(held_names() or frozenset())
        if self._sandbox is not None:
            self._sandbox.sweep(time.time() - MIN_AGE_SECONDS, held_names() or held)

    def _remove_projects(self, held: frozenset[str]) -> None:
        in_use = {name[:JOB_ID_LENGTH] for name in held}
        for job_id in self._job_ids():
            if job_id not in in_use:
                self._files.project(job_id).unlink(missing_ok=True)
                with suppress(OSError):
                    self._files.job(job_id).rmdir()

    def _remove_workspace(self, name: str) -> None:
        try:
            self._workspaces.remove(name)
            log.info("removed the orphaned workspace %s", name)
        except (WorkspaceFailure, OSError) as failure:
            log.warning("the orphaned workspace %s could not be removed: %s", name, failure)

    def _is_orphaned(self, job_id: str, attempt: str, fence: str) -> bool:
        try:
            return not self._files.attempt(job_id, int(attempt), int(fence)).is_supervised()
        except OSError as fault:
            # One unreadable attempt must not stop the housekeeping.
            log.warning("it is unknown whether attempt %s of job %s still runs: %s", attempt, job_id, fault)
            return False

    def _job_ids(self) -> list[str]:
        return [each.name for each in self._files.root.iterdir() if is_job_id(each.name)] if self._files.root.is_dir() else []
