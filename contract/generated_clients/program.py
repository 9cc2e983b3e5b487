"""A program over generated clients: it logs in, finds a failed run and what failed in it, submits a job and follows its stream.

It prints what it found as JSON, for the test that started it.
"""
from __future__ import annotations

import base64
import json
import sys
from io import BytesIO
from typing import Any

from ci_api import AuthenticatedClient, Client
from ci_api.api.auth import create_token
from ci_api.api.results import get_diff, triage_run
from ci_api.api.runs import get_run, list_runs
from ci_api.api.system import download_file, list_artifacts
from ci_api.models import ArtifactType, ListRunsSort, RunStatus, Scope, TokenCreateRequest
from jobs import AuthenticatedClient as JobsClient
from jobs.api.jobs import cancel_job, get_job, get_job_artifact, list_job_artifacts, submit_job_async
from jobs.models import ProjectUpload
from jobs.types import File


def follow(client: Any, job_id: str, **query: str) -> list[Any]:
    """The data of a job's events to the last, by the HTTP client behind the generated one, which reads no streams."""
    with client.get_httpx_client().stream("GET", f"/jobs/{job_id}/stream", params=query) as answer:
        return [json.loads(line.removeprefix("data: ")) for line in answer.iter_lines() if line.startswith("data: ")]


def inspect_run(client: Any) -> dict[str, Any]:
    """What failed in the newest failed run, and since when."""
    page = list_runs.sync_detailed(client=client, status=RunStatus.FAIL, sort=ListRunsSort.RUN_ID_DESCENDING, limit=1)
    run = page.parsed.data[0]
    failure = triage_run.sync(run.run_id, client=client).failures[0]
    diff = get_diff.sync(
        run.run_id, failure.sample_id, client=client, regression_id=failure.regression_id, output_id=failure.first_difference.output_id)
    files = list_artifacts.sync(run.run_id, client=client, type_=ArtifactType.BUILD_LOG)
    log = download_file.sync(files.data[0].download_url.rpartition("/")[2], client=client)
    return {
        "run_id": run.run_id, "link": page.headers["Link"], "failing_since": failure.failing_since.run_id, "code": failure.code.value,
        "removed": [line.text for line in diff.hunks[0].lines if line.kind == "removed"], "log_bytes": len(log.payload.read()),
        "refusal": get_run.sync(2147483647, client=client).code}


def run_job(client: Any, project: bytes, finished_job: str) -> dict[str, Any]:
    """What becomes of a job that is canceled while it waits, and what a finished one left."""
    job_id = submit_job_async.sync(client=client, body=ProjectUpload(File(BytesIO(project), "project.zip"))).job_id
    status = get_job.sync(job_id, client=client).status.value
    cancel_job.sync(job_id, client=client)
    finished = follow(client, finished_job, from_beginning="true")
    name = list_job_artifacts.sync(finished_job, client=client).artifacts[0].name
    artifact = get_job_artifact.sync(finished_job, name, client=client)
    return {
        "job_status": status, "canceled_end": follow(client, job_id)[-1], "finished_end": finished[-1],
        "finished_text": "".join(event.get("data", "") for event in finished), "artifact": [name, len(artifact.payload.read())]}


def main(address: str, email: str, password: str, project: str, finished_job: str) -> None:
    """Print what was found."""
    login = TokenCreateRequest(email, password, "python", scopes=[Scope.RUNS_READ, Scope.RUNS_WRITE, Scope.RESULTS_READ])
    token = create_token.sync(client=Client(f"{address}/api/v1"), body=login).token
    found = inspect_run(AuthenticatedClient(f"{address}/api/v1", token))
    print(json.dumps(found | run_job(JobsClient(address, token), base64.b64decode(project), finished_job)))


if __name__ == "__main__":
    main(*sys.argv[1:])
