"""The demo's second part: submits a project as a job, follows its log, and shows how to resume it."""
from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx

from api.demo.story import StoryFailed

# A demo shows the lines that matter; the whole log is a click away.
SHOWN = re.compile(r"FAILED |E  |=+ .*(passed|failed|error)")
# The server says something every 15 seconds.
SILENCE_SECONDS = 60.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class StoryJob:
    """The job that the story submitted."""

    job_id: str
    success: bool


def run_job_story(base_url: str, token: str, project: Path, *, out: Say = print) -> StoryJob | None:
    """Submit the project, print what its log says of failures, and where to go on; None where this host cannot sandbox a job.

    Raises StoryFailed for every other trouble.
    """
    authorization = {"Authorization": f"Bearer {token}"}
    try:
        with httpx.Client(base_url=base_url, headers=authorization, timeout=SILENCE_SECONDS, trust_env=False) as client:
            with client.stream("POST", "/submit-stream", files={"file": ("project.zip", zipped(project))}) as answer:
                if not answer.is_success:
                    _refused(answer, out)
                    return None
                job_run = _followed(_events(answer), out)
            job = client.get(f"/jobs/{job_run.job_id}").raise_for_status().json()
    except httpx.HTTPError as broken:
        raise StoryFailed(f"The job service did not answer to the end: {broken}") from broken
    out(f"  {job['status']}: exit code {job['exit_code']}, success {str(job_run.success).lower()}")
    for line in tour(base_url, project, job_run):
        out(line)
    return job_run


def zipped(folder: Path) -> bytes:
    """A folder's files as a zip."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    return packed.getvalue()


def tour(base_url: str, project: Path, job_run: StoryJob) -> list[str]:
    """Return the lines that say how to go on with jobs."""
    return [
        "",
        f"Live page   {base_url}/jobs/{job_run.job_id}/view",
        "",
        "Try, with the token in CI_TOKEN:",
        f"  .venv/bin/ci submit {project} --server {base_url}",
        f"  .venv/bin/ci wait {job_run.job_id} --all --server {base_url}",
        "",
    ]


def _refused(answer: httpx.Response, out: Say) -> None:
    said = answer.read().decode("utf-8", "replace")
    if answer.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
        raise StoryFailed(f"POST /submit-stream: status {answer.status_code}: {said[:400]}")
    problem = json.loads(said)
    out(f"\nJobs cannot be shown on this machine: {problem['message']} {problem['details'].get('remedy', '')}".rstrip())


def _events(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    # The server's JSON is ASCII, so that a line ends nowhere but at its end.
    return (json.loads(line.removeprefix("data: ")) for line in answer.iter_lines() if line.startswith("data: "))


def _followed(events: Iterator[dict[str, Any]], out: Say) -> StoryJob:
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
    raise StoryFailed("The job's stream ended before the job did.")
