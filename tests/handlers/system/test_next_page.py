"""The header Link of lists: whoever follows it sees the list that was asked for, whole, and stops at its end."""
from __future__ import annotations

from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from api.domain.auth.access import Role
from api.domain.jobs.job import JobStatus
from contract.client import ValidatingClient
from tests.builders import add_finished_run, add_regression_test, add_run, add_token
from tests.handlers.conftest import MakeSite
from tests.handlers.runs.test_logs import write_log
from tests.handlers.site import Client, Site
from tests.submitted_jobs import add_job

PUBLIC = "https://ci.example.test"
# What an address writes in another way, and what would end one.
BRANCH = "a&b=c?d#e +ä%41>;\""


@pytest.fixture
def reader(site: Site) -> Client:
    return site.as_role(Role.ADMIN)


def next_address(answer: Any) -> str | None:
    """Where the answer's next page is, relations of other kinds left aside."""
    links = httpx.Response(200, headers={"Link": answer.headers["Link"]}).links
    return links["next"]["url"] if "next" in links else None


def follow(client: ValidatingClient, path: str, **query: Any) -> list[Any]:
    """The bodies of a list's pages, from the first to the last."""
    answers = [client.get(path, params=query)]
    while (address := next_address(answers[-1])) is not None:
        assert len(answers) < 20, "the pages do not come to an end"
        answers.append(client.get(address))
    assert {answer.status_code for answer in answers} == {200}
    return [answer.json() for answer in answers]


def test_links_lead_through_a_filtered_list_by_cursor(site: Site, reader: Client) -> None:
    wanted = [add_run(branch=BRANCH) for _ in range(5)]
    add_run(branch="other")

    pages = follow(reader, "/api/v1/runs", branch=BRANCH, limit=2, sort="run_id", created_after="2001-01-01T00:00:00+00:00")

    assert [[run["run_id"] for run in page["data"]] for page in pages] == [wanted[:2], wanted[2:4], wanted[4:]]
    assert {page["pagination"]["total"] for page in pages} == {5}


def test_a_link_keeps_what_was_asked_for_and_begins_elsewhere(site: Site, reader: Client) -> None:
    test = add_regression_test()
    for _ in range(3):
        add_finished_run(test)

    answer = reader.get("/api/v1/runs", params={"status": "pass", "limit": 1, "offset": 1, "platform": "linux"})

    cursor = answer.json()["pagination"]["next_cursor"]
    assert next_address(answer) == f"{PUBLIC}/api/v1/runs?status=pass&limit=1&platform=linux&cursor={cursor}"


def test_links_lead_through_a_list_that_has_no_cursor(site: Site, reader: Client) -> None:
    tests = [add_regression_test() for _ in range(5)]

    answer = reader.get("/api/v1/regression-tests", params={"limit": 2})
    pages = follow(reader, "/api/v1/regression-tests", limit=2, offset=1)

    assert next_address(answer) == f"{PUBLIC}/api/v1/regression-tests?limit=2&offset=2"
    assert [each["regression_id"] for page in pages for each in page["data"]] == [each.regression_id for each in tests[1:]]


def test_links_lead_through_a_list_whose_answers_have_a_version(site: Site, reader: Client) -> None:
    path = f"/api/v1/runs/{add_finished_run(add_regression_test())}/progress"
    version = reader.get(path, params={"limit": 1}).headers["ETag"]

    known = reader.get(path, params={"limit": 1}, headers={"If-None-Match": version})
    statuses = [event["status"] for page in follow(reader, path, limit=1) for event in page["data"]]

    assert (known.status_code, next_address(known)) == (304, f"{PUBLIC}{path}?limit=1&offset=1")
    assert statuses[0] == "queued" and statuses[-1] == "completed"


def test_links_lead_through_the_wanted_lines_of_a_log(site: Site, reader: Client) -> None:
    run_id = add_finished_run()
    write_log(site, run_id, b"".join(b"%s %d\n" % (b"a&b" if number % 2 else b"other", number) for number in range(7)))

    pages = follow(reader, f"/api/v1/runs/{run_id}/logs", contains="a&b", limit=1)

    assert [line["message"] for page in pages for line in page["data"]] == ["a&b 1", "a&b 3", "a&b 5"]


def test_links_lead_through_jobs_which_are_a_bare_array(site: Site) -> None:
    owner = site.account(Role.TESTER)
    jobs = {add_job(owner, JobStatus.QUEUED) for _ in range(3)}
    add_job(owner, JobStatus.COMPLETED)

    pages = follow(site.as_user(owner), "/jobs", status="queued", limit=2)

    assert [len(page) for page in pages] == [2, 1]
    assert {job["job_id"] for page in pages for job in page} == jobs


def test_a_list_of_all_jobs_and_a_last_page_lead_nowhere(site: Site, reader: Client) -> None:
    add_run()

    paths = ("/jobs", "/api/v1/runs", "/api/v1/runs?offset=5", "/api/v1/auth/me")

    assert [next_address(reader.get(path)) for path in paths] == [None] * len(paths)


def test_a_link_is_of_the_public_address_whatever_a_proxy_left_of_it(make_site: MakeSite) -> None:
    site = make_site(public_url="https://example.test/ci")
    client = TestClient(site.app, headers={"Authorization": f"Bearer {add_token(site.account())}"})
    for _ in range(2):
        add_regression_test()

    addresses = {next_address(client.get(f"{path}/api/v1/regression-tests?limit=1")) for path in ("", "/ci")}

    assert addresses == {"https://example.test/ci/api/v1/regression-tests?limit=1&offset=1"}
