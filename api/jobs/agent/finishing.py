"""Finishes an attempt: sends its artifacts, its log and its outcome, and removes what it had on this host, in this order."""
from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from api.domain.jobs.artifact_limit import NOTHING_KEPT, ArtifactLimit, left_out_message
from api.domain.jobs.claimed_job import JobEnd
from api.domain.jobs.exit_record import ExitRecord
from api.domain.jobs.job import JobReason
from api.domain.runs.machine import ClaimState
from api.jobs.agent.held_job import ClaimLost, HeldJob
from api.jobs.agent.job_repository import ClaimPassed, JobRepository, RepositoryUnavailable
from api.jobs.agent.log_shipping import LogShipper
from api.jobs.project.collecting import collect, read_collected
from api.jobs.project.job_options import JobOptions
from api.jobs.project.workspaces import WorkspaceFailure, Workspaces

log = logging.getLogger(__name__)
T = TypeVar("T")


class Finisher:
    """Finishes the jobs of an agent. An outage of the server is retried every `pause` seconds; the exit record keeps the result."""

    def __init__(
        self, repository: JobRepository, shipper: LogShipper, workspaces: Workspaces, options: JobOptions, *, pause: float,
    ) -> None:
        self._repository, self._shipper, self._workspaces, self._options, self._pause = repository, shipper, workspaces, options, pause

    def finish(self, held: HeldJob, record: ExitRecord | None, stopping: threading.Event) -> None:
        """Finish a job by the attempt's exit record, None where its supervisor was killed. Raises ClaimLost where the agent stops first."""
        if record is None or record.reason in (JobReason.LOST, JobReason.ENGINE_ERROR):
            _log_supervisor_output(held)
        try:
            if record is None or record.reason is JobReason.LOST or self._is_marked_dead(held, record, stopping):
                began = record is None or record.reason is JobReason.LOST or record.log_bytes > 0
                self._retry(lambda: self._shipper.ship(held), stopping)
                self._retry(lambda: self._repository.give_up(held.job, began=began), stopping)
            else:
                self._finish(held, record, stopping)
        except ClaimPassed:
            log.warning(
                "the result of job %s, attempt %s, was refused: another machine has claimed the job",
                held.job.job_id, held.files.folder.name)
        self.remove_workspace(held)

    def remove_workspace(self, held: HeldJob) -> None:
        """Remove what the attempt had on this host; if that fails, housekeeping does it later."""
        try:
            self._workspaces.remove(held.name)
            shutil.rmtree(held.files.folder, ignore_errors=True)
            with suppress(OSError):
                held.files.folder.parent.rmdir()
        except (WorkspaceFailure, OSError) as failure:
            log.warning("the workspace of job %s could not be removed: %s", held.job.job_id, failure)

    def _finish(self, held: HeldJob, record: ExitRecord, stopping: threading.Event) -> None:
        if record.detail:
            log.warning("job %s ended with %s: %s", held.job.job_id, record.reason, record.detail)
        log.info("job %s, attempt %s: ended, %s, exit code %s", held.job.job_id, held.files.folder.name, record.reason, record.exit_code)
        kept = self._collect(held, record, stopping)
        if kept["left_out"]:
            _log_left_out(held, left_out_message(kept["left_out"], [ArtifactLimit(each) for each in kept["limits_hit"]]))
        log_bytes = self._retry(lambda: self._shipper.ship(held), stopping)
        self._retry(lambda: self._repository.finish(held.job, JobEnd(record.reason, record.exit_code, log_bytes, **kept)), stopping)

    def _collect(self, held: HeldJob, record: ExitRecord, stopping: threading.Event) -> Mapping[str, Any]:
        """Send what the job left; what was kept of it."""
        if record.reason is JobReason.ZIP_REJECTED:
            return NOTHING_KEPT
        try:
            patterns = held.job.orders.artifacts or self._options.artifacts
            collect(self._workspaces.folder(held.name), held.files, patterns, self._options.artifact_limits)
            return self._send(held, read_collected(held.files), stopping)
        except OSError as fault:
            log.error("the artifacts of job %s could not be stored: %s", held.job.job_id, fault)
            return NOTHING_KEPT

    def _send(self, held: HeldJob, manifest: Mapping[str, Any], stopping: threading.Event) -> Mapping[str, Any]:
        """The manifest, without what the server does not keep."""
        refused: dict[str, ArtifactLimit | None] = {}
        for each in manifest["artifacts"]:
            path = held.files.artifacts / each["name"]
            refused[each["sha256"]] = self._retry(partial(self._repository.send_artifact, held.job, each["sha256"], path), stopping)
        kept = [each for each in manifest["artifacts"] if refused[each["sha256"]] is None]
        hit = {limit for limit in refused.values() if limit is not None} | {*manifest["limits_hit"]}
        return {
            **manifest, "artifacts": kept, "left_out": manifest["left_out"] + len(manifest["artifacts"]) - len(kept),
            "limits_hit": [each.value for each in ArtifactLimit if each in hit]}

    def _is_marked_dead(self, held: HeldJob, record: ExitRecord, stopping: threading.Event) -> bool:
        """Whether the attempt was cancelled by an agent that marked it dead, and not by a user."""
        if record.reason is not JobReason.CANCELLED:
            return False
        states, _ = self._retry(lambda: self._repository.renew([held.job.claim], None), stopping)
        return states.get(held.job.claim) is ClaimState.HELD

    def _retry(self, ask: Callable[[], T], stopping: threading.Event) -> T:
        while True:
            try:
                return ask()
            except RepositoryUnavailable as closed:
                if not closed.is_outage:
                    raise
                if stopping.wait(self._pause):
                    raise ClaimLost from closed


def _log_left_out(held: HeldJob, message: str) -> None:
    """Append to the job's log what was not kept, on a line of its own, and once however often it is collected."""
    with suppress(OSError), held.files.log.open("r+b") as job_log:
        job_log.seek(max(0, job_log.seek(0, os.SEEK_END) - len(message) - 1))
        end = job_log.read()
        if not end.endswith(message.encode()):
            job_log.write((message if end[-1:] in (b"", b"\n") else f"\n{message}").encode())


def _log_supervisor_output(held: HeldJob) -> None:
    """Copy the supervisor's error output into the agent's log."""
    if words := held.files.supervisor_output():
        log.error("job %s, attempt %s: output of its supervisor:\n%s", held.job.job_id, held.files.folder.name, words)
