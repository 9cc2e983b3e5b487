"""Two servers and two machines, and more jobs than fit: each has its right outcome, and none is run twice."""
from __future__ import annotations

import io
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime

import httpx
import pytest

from api.domain.auth.access import Role
from api.domain.jobs.job import JobReason
from api.storage.database import session
from tests.builders import add_token, add_user
from tests.e2e.processes import CI_API, eventually, free_port, started
from tests.examples import each_day
from tests.faults.cluster import Cluster, on_mariadb_first

# The log of an attempt is all that a job can leave outside of its sandbox: it tells of each time the job ran.
PROGRAM = "print('this is job', {number}); raise SystemExit({number} % 3)"


def project(number: int) -> bytes:
    """A job whose exit code tells which one it is."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as target:
        target.writestr("job.py", PROGRAM.format(number=number))
    return content.getvalue()


def is_up(url: str) -> bool:
    """Whether a server answers."""
    try:
        return httpx.get(f"{url}/api/v1/system/health", trust_env=False).is_success
    except httpx.TransportError:
        return False


@on_mariadb_first
@pytest.mark.parametrize("jobs", each_day([20, 200], 20))
def test_two_servers_and_two_machines_give_every_job_its_outcome_once(any_plant: Cluster, jobs: int) -> None:
    cluster, hosts = any_plant, [any_plant.host(), any_plant.host()]
    ports = [free_port(), free_port()]
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    token = add_token(add_user("submitter", role=Role.TESTER), now=datetime.now(UTC))
    session().commit()

    def submit(number: int) -> str:
        answer = httpx.post(
            f"{urls[number % 2]}/submit-async", files={"file": ("project.zip", project(number), "application/zip")},
            headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=120)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["job_id"])

    with ExitStack() as stack:
        for port, host in zip(ports, hosts, strict=True):
            variables = {
                **cluster.server_variables, "CI_WORK_DIR": str(cluster.folder / f"server-{port}"), "CI_JOBS": "separate",
                "CI_QUEUED_JOBS_PER_USER": str(jobs)}
            stack.enter_context(started((*CI_API, "serve", "--port", str(port)), variables, host.folder / "server.log"))
        for url in urls:
            eventually(lambda url=url: is_up(url), "the server's start")  # type: ignore[misc]
        for cluster.port, host in zip(ports, hosts, strict=True):
            stack.enter_context(host.agent(CI_JOB_SLOTS="4"))
        with ThreadPoolExecutor(8) as pool:
            job_ids = list(pool.map(submit, range(jobs)))
        ended = [cluster.over(job_id) for job_id in job_ids]

    logs = ["".join(cluster.log(each) for each in cluster.files.attempts(job_id)) for job_id in job_ids]
    assert [job.exit_code for job in ended] == [number % 3 for number in range(jobs)]
    assert [job.success for job in ended] == [number % 3 == 0 for number in range(jobs)]
    assert {(job.reason, job.attempt) for job in ended} == {(JobReason.EXIT_CODE, 1)}
    assert [log.count("this is job") for log in logs] == [1] * jobs
    assert all(f"this is job {number}\n" in log for number, log in enumerate(logs))
