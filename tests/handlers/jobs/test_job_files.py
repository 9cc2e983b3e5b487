"""What jobs leave behind: pages of their logs, lists of their artifacts, and the artifacts themselves."""
from __future__ import annotations

import json
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.domain.auth.access import Role
from api.domain.jobs.job import JobStatus
from api.storage.jobs.artifacts import open_artifact
from api.storage.jobs.places import AttemptPlace
from contract.client import ValidatingClient
from tests.examples import examples
from tests.handlers.site import Site
from tests.job_stores import store_on_disk
from tests.submitted_jobs import add_job, attempt_of, keep_artifacts, write_log

JUNIT = {
    "tests": 3, "failures": 1, "errors": 0, "skipped": 1, "seconds": 0.25,
    "failed": [{"name": "test_two", "classname": "test_sums", "message": "assert 5 == 4"}]}
CONTENT = bytes(range(256)) * 5000
SECRET = b"nobody outside may read this"


@pytest.fixture
def owner(site: Site) -> int:
    """The account whose job it is."""
    return site.account(Role.TESTER)


@pytest.fixture
def client(site: Site, owner: int) -> ValidatingClient:
    """A client of that account."""
    return site.as_user(owner)


@pytest.fixture
def job_id(owner: int) -> str:
    """A job that is over."""
    return add_job(owner, JobStatus.COMPLETED)


def address(job_id: str, name: str) -> str:
    return f"/jobs/{job_id}/artifacts/{quote(name, safe='')}"


def test_a_page_of_a_log_is_like_one_of_a_run(site: Site, client: ValidatingClient, job_id: str) -> None:
    write_log(site.files, job_id, b"Installing dependencies...\nERROR: no such package\n")

    page = client.get(f"/jobs/{job_id}/logs").json()

    assert page["pagination"] == {"limit": 50, "next_cursor": None}
    assert [line["message"] for line in page["data"]] == ["Installing dependencies...", "ERROR: no such package"]
    assert {(line["job_id"], line["timestamp"]) for line in page["data"]} == {(job_id, "2026-11-21T12:00:01Z")}


def test_the_pages_of_a_log_make_up_the_whole(site: Site, client: ValidatingClient, job_id: str) -> None:
    lines = [f"line {number}" for number in range(250)]
    write_log(site.files, job_id, "\n".join(lines).encode())

    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = client.get(f"/jobs/{job_id}/logs", params={"limit": 100, **cursor}).json()
        found += [line["message"] for line in page["data"]]
        if page["pagination"]["next_cursor"] is None:
            break
        cursor = {"cursor": page["pagination"]["next_cursor"]}

    assert found == lines


def test_lines_can_be_searched(site: Site, client: ValidatingClient, job_id: str) -> None:
    write_log(site.files, job_id, b"collected 2 items\ntest_sums.py::test_two FAILED\ntest_sums.py::test_three PASSED\n")

    page = client.get(f"/jobs/{job_id}/logs", params={"contains": "FAILED"}).json()

    assert [line["message"] for line in page["data"]] == ["test_sums.py::test_two FAILED"]


def test_a_cursor_of_another_jobs_log_is_refused(site: Site, client: ValidatingClient, owner: int, job_id: str) -> None:
    other = add_job(owner, JobStatus.COMPLETED)
    for each in (job_id, other):
        write_log(site.files, each, b"a\nb\n")
    cursor = client.get(f"/jobs/{job_id}/logs", params={"limit": 1}).json()["pagination"]["next_cursor"]

    answer = client.get(f"/jobs/{other}/logs", params={"cursor": cursor})

    assert (answer.status_code, set(answer.json()["details"]["fields"])) == (400, {"cursor"})


def test_a_waiting_jobs_log_is_empty(client: ValidatingClient, owner: int) -> None:
    page = client.get(f"/jobs/{add_job(owner, JobStatus.QUEUED)}/logs").json()

    assert page == {"data": [], "pagination": {"limit": 50, "next_cursor": None}}


def test_pages_of_a_running_jobs_log_lead_on_to_what_is_not_written_yet(site: Site, client: ValidatingClient, owner: int) -> None:
    job_id = add_job(owner, JobStatus.RUNNING)
    found, cursor = list[list[str]](), dict[str, str]()

    for content in (None, b"one\nhal", b"one\nhalf\n"):
        if content is not None:
            write_log(site.files, job_id, content)
        page = client.get(f"/jobs/{job_id}/logs", params=cursor).json()
        cursor = {"cursor": page["pagination"]["next_cursor"]}
        found.append([line["message"] for line in page["data"]])

    assert found == [[], ["one"], ["half"]]


def test_a_log_that_was_removed_is_not_found(client: ValidatingClient, job_id: str) -> None:
    answer = client.get(f"/jobs/{job_id}/logs")

    assert (answer.status_code, answer.json()["code"]) == (404, "log_not_found")
    assert answer.json()["details"]["job_id"] == job_id


def test_the_log_of_a_job_that_never_began_is_empty_also_when_it_is_over(client: ValidatingClient, owner: int) -> None:
    job_id = add_job(owner)
    client.delete(f"/jobs/{job_id}")

    assert client.get(f"/jobs/{job_id}/logs").json()["data"] == []


def test_artifacts_are_listed_with_what_the_report_says(site: Site, client: ValidatingClient, job_id: str) -> None:
    keep_artifacts(site.files, job_id, {"junit.xml": b"<testsuites/>", "htmlcov/index.html": b"<p>"}, junit=JUNIT, left_out=2)

    shown = client.get(f"/jobs/{job_id}/artifacts").json()

    assert shown == {
        "job_id": job_id, "junit": JUNIT | {"incomplete": False}, "left_out": 2, "limits_hit": [], "artifacts": [
            {"name": "junit.xml", "kind": "junit", "size_bytes": 13, "sha256": sha256(b"<testsuites/>").hexdigest()},
            {"name": "htmlcov/index.html", "kind": "file", "size_bytes": 3, "sha256": sha256(b"<p>").hexdigest()}]}


@pytest.mark.parametrize("status", list(JobStatus))
def test_a_job_that_kept_nothing_lists_nothing(client: ValidatingClient, owner: int, status: JobStatus) -> None:
    job_id = add_job(owner, status)

    shown = client.get(f"/jobs/{job_id}/artifacts").json()

    assert shown == {"job_id": job_id, "artifacts": [], "junit": None, "left_out": 0, "limits_hit": []}


def test_an_artifact_comes_as_an_attachment_that_no_browser_makes_more_of(site: Site, client: ValidatingClient, job_id: str) -> None:
    keep_artifacts(site.files, job_id, {"htmlcov/index.html": CONTENT})

    answer = client.get(address(job_id, "htmlcov/index.html"))

    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="index.html"'
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["report.xml", "a/b/c.txt", "with space.txt", "ä€🧿.txt", "100%.txt", "a?b#c", "..txt", "a/..b"])
def test_whatever_an_artifact_is_called_it_is_found_under_its_name(
    site: Site, client: ValidatingClient, job_id: str, name: str,
) -> None:
    keep_artifacts(site.files, job_id, {name: b"here"})

    assert client.get(address(job_id, name)).content == b"here"


def test_a_slash_in_a_name_may_be_written_as_it_is(site: Site, client: ValidatingClient, job_id: str) -> None:
    keep_artifacts(site.files, job_id, {"htmlcov/index.html": b"here"})

    assert client.get(f"/jobs/{job_id}/artifacts/htmlcov/index.html").content == b"here"


def test_a_slash_that_is_encoded_separates_nothing(site: Site, client: ValidatingClient, job_id: str) -> None:
    keep_artifacts(site.files, job_id, {"htmlcov/index.html": b"here"})

    assert client.get(f"/jobs/{job_id}/artifacts%2Fhtmlcov/index.html").status_code == 404


@pytest.mark.parametrize(("header", "status", "content"), [
    ("bytes=0-9", 206, CONTENT[:10]), ("bytes=-5", 206, CONTENT[-5:]), ("bytes=1279999-", 206, CONTENT[-1:]),
    ("bytes=0-1,5-6", 200, CONTENT), ("lines=1-2", 200, CONTENT)])
def test_a_part_can_be_asked_for(
    site: Site, client: ValidatingClient, job_id: str, header: str, status: int, content: bytes,
) -> None:
    keep_artifacts(site.files, job_id, {"data.bin": CONTENT})

    answer = client.get(address(job_id, "data.bin"), headers={"Range": header})

    assert (answer.status_code, answer.content) == (status, content)


def test_a_part_behind_the_end_cannot_be_had(site: Site, client: ValidatingClient, job_id: str) -> None:
    keep_artifacts(site.files, job_id, {"data.bin": CONTENT})

    answer = client.get(address(job_id, "data.bin"), headers={"Range": f"bytes={len(CONTENT)}-"})

    assert (answer.status_code, answer.json()["details"]["size"]) == (416, len(CONTENT))


def test_a_download_goes_on_only_in_the_file_that_it_began_with(site: Site, client: ValidatingClient, job_id: str) -> None:
    keep_artifacts(site.files, job_id, {"data.bin": CONTENT})
    tag = client.get(address(job_id, "data.bin")).headers["ETag"]

    same = client.get(address(job_id, "data.bin"), headers={"Range": "bytes=5-9", "If-Range": tag})
    other = client.get(address(job_id, "data.bin"), headers={"Range": "bytes=5-9", "If-Range": '"another"'})

    assert (same.status_code, same.content) == (206, CONTENT[5:10])
    assert (other.status_code, other.content) == (200, CONTENT)


def test_a_head_tells_of_the_file_without_its_bytes(site: Site, client: ValidatingClient, job_id: str) -> None:
    keep_artifacts(site.files, job_id, {"data.bin": CONTENT})

    answer = client.head(address(job_id, "data.bin"))

    assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (200, b"", str(len(CONTENT)))


def test_a_file_that_the_manifest_does_not_name_is_not_there(site: Site, client: ValidatingClient, job_id: str) -> None:
    keep_artifacts(site.files, job_id, {"data.bin": CONTENT})
    (attempt_of(site.files, job_id).artifacts / "more.bin").write_bytes(SECRET)

    answer = client.get(address(job_id, "more.bin"))

    assert (answer.status_code, answer.json()["details"]["resource"]) == (404, "artifact")


steps = st.sampled_from([
    "..", ".", "", "log", "spec.json", "artifacts", "data.bin", "link", "folder", "secret", "etc", "passwd", "\\", "%2e%2e", "\0"])


@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.lists(steps, min_size=1, max_size=6).map("/".join), st.text(min_size=1, max_size=20)), st.booleans())
def test_no_name_leads_out_of_the_artifacts_not_even_one_in_the_manifest(site: Site, name: str, listed: bool) -> None:
    site.database.empty()
    site.accounts.clear()
    owner = site.account(Role.TESTER)
    job_id = add_job(owner, JobStatus.COMPLETED)
    keep_artifacts(site.files, job_id, {"data.bin": b"data", "folder/data.bin": b"data"})
    attempt = attempt_of(site.files, job_id)
    (site.files / "secret").write_bytes(SECRET)
    attempt.log.write_bytes(SECRET)
    for folder, target in ((attempt.artifacts, "secret"), (attempt.folder, "")):
        (folder / "link").unlink(missing_ok=True)
        (folder / "link").symlink_to(site.files / target)
    if listed:
        listing = {"name": name, "size_bytes": 1, "sha256": "", "kind": "file"}
        attempt.manifest.write_text(json.dumps({"artifacts": [listing], "junit": None, "left_out": 0}))

    # Asked without a client in between, which would tidy up the path.
    found = open_artifact(store_on_disk(site.files).files, AttemptPlace(job_id, 1, 1), name)
    answer: Any = site.as_user(owner).get(address(job_id, name))

    assert found is None or found.read(0, 99) == b"data"
    assert SECRET not in answer.content


@pytest.mark.parametrize("kind", ["logs", "artifacts"])
def test_it_takes_the_same_number_of_statements_however_much_there_is(
    site: Site, client: ValidatingClient, job_id: str, kind: str,
) -> None:
    counts = []
    for number in (1, 40):
        write_log(site.files, job_id, b"a line\n" * number)
        keep_artifacts(site.files, job_id, {f"{each}.txt": b"x" for each in range(number)})
        with site.database.counted() as statements:
            client.get(f"/jobs/{job_id}/{kind}")
        counts.append(len(statements))

    assert counts[0] == counts[1]
