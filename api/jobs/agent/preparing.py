"""Prepares an attempt: makes a workspace, fetches and unpacks the project, and starts the supervisor."""
from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Protocol, TypeVar

from api.domain.jobs.archive_check import ArchiveLimits, ZipRejected
from api.domain.jobs.exit_record import ExitRecord
from api.domain.jobs.job import JobReason
from api.host.slots import Slot
from api.jobs.agent.held_job import ClaimLost, HeldJob
from api.jobs.agent.job_repository import ClaimPassed, JobRepository, ProjectGone, RepositoryUnavailable
from api.jobs.agent.log_shipping import LogShipper
from api.jobs.files import JobFiles
from api.jobs.project.environment import Installation
from api.jobs.project.job_options import JobOptions
from api.jobs.project.package_caches import PackageCaches
from api.jobs.project.python_runtime import PythonRuntime
from api.jobs.project.steps import mounts_for, steps_for
from api.jobs.project.unpack import UnpackFailure, unpack
from api.jobs.project.workspaces import Workspace, WorkspaceFailure, Workspaces
from api.jobs.supervisor.attempt_log import AttemptLog
from api.jobs.supervisor.spec import Spec
from api.jobs.supervisor.start import Forkserver, SupervisorNotStarted
from api.sandbox.sandbox import Sandbox

log = logging.getLogger(__name__)
T = TypeVar("T")

# A full disk or a restarting engine may recover in a moment. The slot stays taken meanwhile, which relieves the host.
RETRY_PAUSES = (1.0, 5.0, 15.0)
SERVER_PAUSE = 1.0
RETRIED = (OSError, WorkspaceFailure, UnpackFailure, SupervisorNotStarted)


class Preparer(Protocol):
    """Prepares jobs for an agent."""

    def prepare(self, held: HeldJob, slot: Slot, stopping: threading.Event) -> ExitRecord | None:
        """Start the job; return an exit record where that fails. Raises ClaimLost."""

    def close(self) -> None:
        """Release resources."""


class JobPreparer:
    """Prepares jobs in a sandbox of this host."""

    def __init__(
        self, sandbox: Sandbox, runtime: PythonRuntime, workspaces: Workspaces, caches: PackageCaches, repository: JobRepository,
        shipper: LogShipper, files: JobFiles, options: JobOptions, *, clock: Callable[[], datetime],
    ) -> None:
        self._sandbox, self._runtime, self._workspaces, self._caches = sandbox, runtime, workspaces, caches
        self._repository, self._shipper, self._files, self._options = repository, shipper, files, options
        self._clock = clock
        self._forkserver = Forkserver()

    def prepare(self, held: HeldJob, slot: Slot, stopping: threading.Event) -> ExitRecord | None:
        """Start the job; return an exit record where that fails. Raises ClaimLost."""
        begun = self._clock()
        for pause in (*RETRY_PAUSES, None):
            try:
                self._start(held, slot, stopping)
                return None
            except ZipRejected as rejected:
                return self._record_failure(held, begun, JobReason.ZIP_REJECTED, rejected.message)
            except ProjectGone as gone:
                return self._record_failure(held, begun, JobReason.ENGINE_ERROR, str(gone))
            except RETRIED as trouble:
                log.error("job %s could not be prepared: %s", held.job.job_id, trouble)
                if held.files.is_supervised():
                    return None
                if pause is None:
                    return self._record_failure(held, begun, JobReason.ENGINE_ERROR, str(trouble))
                if stopping.wait(pause):
                    raise ClaimLost from trouble
        raise AssertionError("the last try returns or raises")

    def close(self) -> None:
        """End the forkserver; its supervisors go on."""
        self._forkserver.close()

    def _start(self, held: HeldJob, slot: Slot, stopping: threading.Event) -> None:
        project = self._files.project(held.job.job_id)
        self._patiently(held, stopping, lambda: self._repository.fetch_project(held.job, project))
        self._workspaces.remove(held.name)
        workspace = self._workspaces.create(held.name, self._options.limits.workspace_bytes, slot.user_id)
        unpacked = unpack(
            project, workspace.folder, self._archive_limits(), user_id=slot.user_id, declared_in=held.job.orders.folder or ".")
        project.unlink()
        if stopping.is_set():
            raise ClaimLost
        installation = Installation(unpacked.declared, unpacked.digests, self._caches.open(held.job.owner_id, slot)).ordered(
            held.job.orders)
        held.prepare(self._spec(held, slot, workspace, installation).as_json(), self._clock())
        # From here on something of the job may have been run.
        self._patiently(held, stopping, lambda: self._shipper.open(held))
        self._forkserver.start(held.files, keep=[slot.lock])

    def _patiently(self, held: HeldJob, stopping: threading.Event, ask: Callable[[], T]) -> T:
        """Ask until the server answers, for as long as the claim holds. Raises ClaimLost."""
        while True:
            try:
                return ask()
            except ClaimPassed as passed:
                raise ClaimLost from passed
            except RepositoryUnavailable as away:
                if held.is_revoked or self._clock() >= held.lease_until or stopping.wait(SERVER_PAUSE):
                    raise ClaimLost from away

    def _spec(self, held: HeldJob, slot: Slot, workspace: Workspace, installation: Installation) -> Spec:
        steps = steps_for(installation, self._options.ordered(held.job.orders), self._runtime)
        return Spec(
            held.name, held.job.fence, self._sandbox.description(), workspace.folder, steps,
            mounts_for(workspace.environment, self._runtime), slot.user_id, workspace.disk if workspace.watched else None)

    def _archive_limits(self) -> ArchiveLimits:
        """The limits of unpacking: a project must fit into a workspace."""
        limits, room = self._options.archive, self._options.limits.workspace_bytes
        return replace(limits, total_bytes=min(limits.total_bytes, room), file_bytes=min(limits.file_bytes, room))

    def _record_failure(self, held: HeldJob, begun: datetime, reason: JobReason, words: str) -> ExitRecord:
        """Write the exit record in place of a supervisor that was never started, if the disk has room."""
        log_bytes = 0
        with suppress(OSError):
            held.prepare({}, self._clock())
            if reason is JobReason.ZIP_REJECTED:
                said = AttemptLog(held.files.log)
                said.write_message(words)
                log_bytes = said.close()
        record = ExitRecord(held.job.fence, reason, begun, self._clock(), log_bytes=log_bytes, detail=words)
        with suppress(OSError):
            held.files.write_exit(record)
        return record
