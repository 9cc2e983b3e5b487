"""Jobs, their logs and artifacts as JSON."""
from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from api.domain.jobs.job import Job
from api.domain.jobs.orders import Orders, install_lines
from api.domain.text.log import LogLine

Json = dict[str, Any]


def job(found: Job, *, with_owner: bool = False) -> Json:
    """A job as it stands; admins are told whose it is."""
    owner = {"owner": {"user_id": found.owner_id, "name": found.owner or ""}} if with_owner else {}
    return {
        "job_id": found.job_id, "status": found.status.value, "success": found.success, "start_time": found.start_time,
        "end_time": found.end_time, "reason": None if found.reason is None else found.reason.value, "exit_code": found.exit_code,
        "attempt": found.attempt, "priority": found.priority, "created_at": found.created_at, "queue_position": found.position,
        "repeat_reason": None if found.repeat_reason is None else found.repeat_reason.value, "rerun_of": found.rerun_of,
        "tests": found.tests, "failed_tests": found.failed_tests, **asdict(found.identity)} | owner


def orders(said: Orders) -> Json:
    """How a job was to be run, in the words of the form; only what was said."""
    shown = said.as_json()
    if said.command is not None:
        shown["command"] = shlex.join(said.command)
    if said.environment is not None:
        shown["environment"] = [f"{name}={value}" for name, value in said.environment.items()]
    if said.install is not None:
        shown["install"] = install_lines(said.install)
    return shown


def log_line(found: Job, line: LogLine) -> Json:
    """One line of a job's log; where no line has told a time yet, the job's start stands in."""
    shown = {
        "timestamp": line.facts.at or found.start_time or found.created_at, "level": line.facts.level.value,
        "source": line.facts.source.value, "message": line.message, "job_id": found.job_id}
    return shown | ({"continued": True} if line.continued else {})


def artifacts(found: Job, manifest: Mapping[str, Any]) -> Json:
    """What was kept of a job, and what its JUnit file says."""
    kept = {name: manifest[name] for name in ("artifacts", "left_out", "limits_hit")}
    return {"job_id": found.job_id, **kept, "junit": None if manifest["junit"] is None else _junit(manifest["junit"])}


def _junit(report: Mapping[str, Any]) -> Json:
    """A report as its manifest has it; older ones say the opposite of `incomplete`."""
    return {"incomplete": not report.get("complete", True)} | {name: value for name, value in report.items() if name != "complete"}
