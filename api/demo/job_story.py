"""The demo's second part: submits a project as a job, follows its log, and shows how to resume it."""
from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ci_client import CiError, Refused, get_job, submit_tests_streaming
from ci_client.events import Event

# A demo shows the lines that matter; the whole log is a click away.
SHOWN = re.compile(r"FAILED |E  |=+ .*(passed|failed|error)")
UNAVAILABLE = 503

Say = Callable[[str], None]


@dataclass(frozen=True)
class StoryJob:
    """The job that the story submitted."""

    job_id: str
    success: bool


def run_job_story(base_url: str, token: str, project: Path, *, out: Say = print) -> StoryJob | None:
    """Submit the project, print what its log says of failures, and where to go on; None where this host cannot sandbox a job.

    Raises CiError for every other trouble.
    """
    try:
        told = _followed(submit_tests_streaming(project, base_url, token=token), out)
    except Refused as refused:
        if refused.status != UNAVAILABLE:
            raise
        out(f"\nJobs cannot be shown on this machine: {refused}")
        return None
    job = get_job(told.job_id, base_url, token=token)
    out(f"  {job['status']}: exit code {job['exit_code']}, success {str(told.success).lower()}")
    for line in tour(base_url, project, told):
        out(line)
    return told


def tour(base_url: str, project: Path, told: StoryJob) -> list[str]:
    """Return the lines that say how to go on with jobs."""
    return [
        "",
        f"Live page   {base_url}/jobs/{told.job_id}/view",
        "",
        "Try, with the token in CI_TOKEN:",
        f"  .venv/bin/ci submit {project} --server {base_url}",
        f"  .venv/bin/ci wait {told.job_id} --all --server {base_url}",
        "",
    ]


def _followed(events: Iterator[Event], out: Say) -> StoryJob:
    job_id = ""
    pending = ""
    for event in events:
        if event["type"] == "job_id":
            job_id = str(event["job_id"])
            out(f"\nJob {job_id}  a project whose tests are run in a sandbox; what its log says of failures:")
        elif event["type"] == "log":
            *lines, pending = (pending + str(event["data"])).split("\n")
            for line in filter(SHOWN.match, lines):
                out(f"  | {line}")
        else:
            return StoryJob(job_id, bool(event["success"]))
    raise CiError("The job's stream ended before the job did.")
