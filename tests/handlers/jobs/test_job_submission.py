"""How projects come in: what becomes a job, what is refused and by which rule, and that a refused one leaves nothing."""
from __future__ import annotations

from datetime import timedelta
from random import Random
from uuid import UUID

import pytest
from sqlalchemy import select

from api.domain.auth.access import Role
from api.jobs.files import JobFiles
from api.jobs.wakeup.wakeup import LocalWakeup
from api.storage.jobs.tables import JobRow
from contract.client import ValidatingClient
from tests.builders import NOW
from tests.handlers.jobs.submitting import assert_nothing_is_left, events, kept_files, submit
from tests.handlers.site import Site
from tests.submitted_jobs import zip_of


def test_a_project_becomes_a_waiting_job_of_its_sender(site: Site, client: ValidatingClient) -> None:
    answer = submit(client)

    assert answer.status_code == 200
    assert answer.json() == {"job_id": str(UUID(answer.json()["job_id"]))}
    shown = client.get(f"/jobs/{answer.json()['job_id']}").json()
    assert (shown["status"], shown["priority"], shown["queue_position"]) == ("queued", 0, 1)
    assert site.rows(select(JobRow.owner_id, JobRow.max_attempts, JobRow.web_hook)) == [(site.account(Role.TESTER), 1, None)]


def test_the_zip_lies_byte_for_byte_where_the_agent_looks_for_it(site: Site, client: ValidatingClient) -> None:
    project = zip_of({"noise.bin": Random(7).randbytes(3 << 20), "a.py": b"x = 1\n"})

    job_id = submit(client, project).json()["job_id"]

    assert JobFiles(site.files).project(job_id).read_bytes() == project
    assert kept_files(site) == [JobFiles(site.files).project(job_id)]


def test_a_project_is_nobodys_but_the_services(site: Site, client: ValidatingClient) -> None:
    submit(client)

    (project,) = kept_files(site)
    assert [path.stat().st_mode & 0o777 for path in (project, project.parent)] == [0o600, 0o700]


def test_the_agents_are_told_of_a_new_job(site: Site, client: ValidatingClient) -> None:
    with LocalWakeup(site.settings.work_dir / "wakeups").listen() as listener:
        submit(client)

        assert listener.wait(60)


@pytest.mark.parametrize("priority", ["-10", "0", "10"])
def test_a_priority_may_be_given(site: Site, client: ValidatingClient, priority: str) -> None:
    submit(client, priority=priority)

    assert site.rows(select(JobRow.priority)) == [(int(priority),)]


@pytest.mark.parametrize("priority", ["11", "-11", "1.5", "high", "", "٣", "1_0", "0" * 500])
def test_a_priority_that_is_none_is_refused(site: Site, client: ValidatingClient, priority: str) -> None:
    answer = submit(client, priority=priority)

    assert (answer.status_code, set(answer.json()["details"]["fields"])) == (400, {"priority"})
    assert_nothing_is_left(site)


def test_a_job_that_is_cancelled_while_it_waits_leaves_no_project(site: Site, client: ValidatingClient) -> None:
    job_id = submit(client).json()["job_id"]

    client.delete(f"/jobs/{job_id}")

    assert kept_files(site) == []


def test_a_submission_takes_the_same_few_statements_however_many_jobs_there_are(site: Site, client: ValidatingClient) -> None:
    counts = []
    for _ in range(5):
        site.clock.advance(seconds=1)
        with site.database.counted() as statements:
            submit(client)
        counts.append(len(statements))

    assert len(set(counts[1:])) == 1
    assert counts[-1] <= 8


def test_jobs_that_come_at_the_same_time_are_all_there(site: Site) -> None:
    client = site.as_role(Role.TESTER)

    answers = site.together(*[lambda: submit(client)] * 12)

    job_ids = {answer.json()["job_id"] for answer in answers}
    assert len(job_ids) == 12
    assert {row[0] for row in site.rows(select(JobRow.id))} == job_ids


def test_a_job_is_as_old_as_its_submission(site: Site, client: ValidatingClient) -> None:
    site.clock.advance(hours=3)

    submit(client)

    assert site.rows(select(JobRow.created_at)) == [(NOW + timedelta(hours=3),)]


def test_a_submission_can_be_followed_until_the_client_has_seen_enough(site: Site, client: ValidatingClient) -> None:
    answer = client.post("/submit", params={"timeout": 1}, files={"file": ("project.zip", zip_of())})

    assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (200, "text/event-stream")
    assert events(answer) == []
    assert len(site.rows(select(JobRow.id))) == 1


def test_a_submission_that_tells_its_job_tells_it_first(site: Site, client: ValidatingClient) -> None:
    answer = client.post("/submit-stream", params={"timeout": 1}, files={"file": ("project.zip", zip_of())})

    assert events(answer) == [{"type": "job_id", "job_id": row.id} for row in site.rows(select(JobRow.id))]


@pytest.mark.parametrize("path", ["/submit", "/submit-stream"])
def test_a_submission_that_is_refused_is_no_stream(site: Site, client: ValidatingClient, path: str) -> None:
    answer = client.post(path, files={"file": ("project.zip", b"no zip")})

    assert (answer.status_code, answer.json()["details"]["rule"]) == (422, "no_zip")
    assert_nothing_is_left(site)


def test_how_a_job_is_to_be_run_is_said_in_the_form_before_the_project(site: Site, client: ValidatingClient) -> None:
    project = zip_of({"pyproject.toml": b"[tool.ci]\ncommand = 'make'\npython = '3.12'\n"})

    answer = submit(client, project, command="make test", install="-e .\npytest")

    assert answer.status_code == 200
    assert site.rows(select(JobRow.orders)) == [('{"command": ["make", "test"], "python": "3.12", "install": ["-e", ".", "pytest"]}',)]


def test_a_job_tells_alone_how_it_is_to_be_run_in_the_words_that_it_was_said_in(client: ValidatingClient) -> None:
    project = zip_of({"pyproject.toml": b"[tool.ci]\nfolder = 'a'\nenvironment = {STAGE = 'x y', EMPTY = ''}\ntime_limit = 7\n"})
    said = {"command": "sh -c 'echo \"$1\"' x", "install": "-e .[all]\n-r more.txt\npytest>=8", "artifacts": "out/**", "python": "3.12"}

    job_id = submit(client, project, **said).json()["job_id"]

    assert client.get(f"/jobs/{job_id}").json()["orders"] == {
        "command": said["command"], "folder": "a", "python": "3.12", "environment": ["STAGE=x y", "EMPTY="],
        "install": ["-e .[all]", "-r more.txt", "pytest>=8"], "artifacts": ["out/**"], "time_limit": 7}
    assert "orders" not in client.get("/jobs").json()[0]


def test_orders_that_cannot_be_carried_out_are_refused_all_at_once(site: Site, client: ValidatingClient) -> None:
    said = submit(client, command="'", folder="../x", time_limit="0")
    written = submit(client, zip_of({"pyproject.toml": b"[tool.ci]\ncommand = []\npythn = '3'\n"}))

    assert (said.status_code, set(said.json()["details"]["fields"])) == (400, {"command", "folder", "time_limit"})
    assert (written.status_code, set(written.json()["details"]["fields"])) == (400, {"tool.ci.command", "tool.ci.pythn"})
    assert_nothing_is_left(site)
