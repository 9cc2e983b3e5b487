"""Finishes an attempt: stores its artifacts, records its outcome, and removes its workspace, in this order."""
from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from api.domain.jobs.artifact_limit import left_out_message
from api.domain.jobs.exit_record import ExitRecord
from api.domain.jobs.job import JobOutcome, JobReason, outcome_of
from api.jobs.agent.held_job import ClaimLost, HeldJob
from api.jobs.agent.job_repository import JobRepository, RepositoryUnavailable
from api.jobs.project.collecting import collect
from api.jobs.project.job_options import JobOptions
from api.jobs.project.keeping import Keeper
from api.jobs.project.workspaces import WorkspaceFailure, Workspaces

log = logging.getLogger(__name__)
T = TypeVar("T")


class Finisher:
    """Finishes the jobs of an agent. An outage of the database is retried every `pause` seconds; the exit record keeps the result."""

    def __init__(self, repository: JobRepository, workspaces: Workspaces, options: JobOptions, *, pause: float) -> None:
        self._repository, self._workspaces, self._options, self._pause = repository, workspaces, options, pause

    def finish(self, held: HeldJob, record: ExitRecord | None, stopping: threading.Event) -> None:
        """Finish a job by the attempt's exit record, None where its supervisor was killed. Raises ClaimLost where the agent stops first."""
        if record is None or record.reason in (JobReason.LOST, JobReason.ENGINE_ERROR):
            _log_supervisor_output(held)
        if record is None or record.reason is JobReason.LOST or self._is_marked_dead(held, record, stopping):
            began = record is None or record.reason is JobReason.LOST or record.log_bytes > 0
            self._report(held, lambda: self._repository.give_up(held.job, began=began), stopping)
        else:
            kept = self._collect(held, record, stopping)
            self._finish(held, record, _with_kept(outcome_of(record.reason, record.exit_code), held, kept), stopping)
        self.remove_workspace(held)

    def remove_workspace(self, held: HeldJob) -> None:
        """Remove the workspace; if that fails, housekeeping does it later."""
        try:
            self._workspaces.remove(held.name)
        except (WorkspaceFailure, OSError) as failure:
            log.warning("the workspace of job %s could not be removed: %s", held.job.job_id, failure)

    def _finish(self, held: HeldJob, record: ExitRecord, outcome: JobOutcome, stopping: threading.Event) -> None:
        if record.detail:
            log.warning("job %s ended with %s: %s", held.job.job_id, record.reason, record.detail)
        log.info("job %s, attempt %s: ended, %s, exit code %s", held.job.job_id, held.files.folder.name, record.reason, record.exit_code)
        self._report(held, lambda: self._repository.finish(held.job, outcome), stopping)

    def _collect(self, held: HeldJob, record: ExitRecord, stopping: threading.Event) -> Keeper | None:
        """Keep what the job left; None where nothing was, or could be, kept."""
        if record.reason is JobReason.ZIP_REJECTED:
            return None
        limits = self._options.artifact_limits
        if limits.quota_bytes is not None:
            taken = self._retry(lambda: self._repository.kept_bytes(held.job), stopping) + _size(held.files.log)
            limits = replace(limits, quota_bytes=limits.quota_bytes - taken)
        try:
            patterns = held.job.orders.artifacts or self._options.artifacts
            kept = collect(self._workspaces.folder(held.name), held.files, patterns, limits)
            if kept.left_out:
                _log_left_out(held, left_out_message(kept.left_out, kept.limits_hit))
            return kept
        except OSError as fault:
            log.error("the artifacts of job %s could not be stored: %s", held.job.job_id, fault)
        return None

    def _is_marked_dead(self, held: HeldJob, record: ExitRecord, stopping: threading.Event) -> bool:
        """Whether the attempt was cancelled by an agent that marked it dead, and not by a user."""
        if record.reason is not JobReason.CANCELLED:
            return False
        now = self._retry(lambda: self._repository.states({held.job.job_id: held.job.fence}), stopping)
        return held.job.job_id in now and not now[held.job.job_id].cancel_requested

    def _report(self, held: HeldJob, report: Callable[[], bool], stopping: threading.Event) -> bool:
        taken = self._retry(report, stopping)
        if not taken:
            log.warning(
                "the result of job %s, attempt %s, was refused: another agent has claimed the job",
                held.job.job_id, held.files.folder.name)
        return taken

    def _retry(self, ask: Callable[[], T], stopping: threading.Event) -> T:
        while True:
            try:
                return ask()
            except RepositoryUnavailable as closed:
                if not closed.is_outage:
                    log.error("the database refused a result: %s", closed, exc_info=closed)
                if stopping.wait(self._pause):
                    raise ClaimLost from closed


def _with_kept(outcome: JobOutcome, held: HeldJob, kept: Keeper | None) -> JobOutcome:
    """An outcome with what the report counts, and what log and artifacts take."""
    report = None if kept is None else kept.report
    return replace(
        outcome, tests=None if report is None else report.tests, failed_tests=None if report is None else report.failed_count,
        kept_bytes=_size(held.files.log) + (0 if kept is None else kept.taken))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


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
