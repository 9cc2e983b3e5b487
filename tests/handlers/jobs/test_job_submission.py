"""How projects come in: what becomes a job, what is refused and by which rule, and that a refused one leaves nothing."""
from __future__ import annotations

import json
import os
import struct
import sys
import zipfile
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from api.domain.auth.access import Role, Scope
from api.domain.jobs.agents import Agent
from api.jobs.wakeup.wakeup import LocalWakeup
from api.specfirst.validation import bodies
from api.storage.database import database_now, transaction
from api.storage.files.backends import INCOMING
from api.storage.jobs.agents import save_agent
from api.storage.jobs.files import JOBS, JobFiles
from api.storage.jobs.tables import JobRow
from api.streaming import project_upload
from contract.client import ValidatingClient
from tests.builders import NOW, add_token
from tests.examples import examples
from tests.handlers.conftest import MakeSite
from tests.handlers.site import Site
from tests.specfirst.asking import ask
from tests.submitted_jobs import zip_of

ASYNC = "/submit-async"


@pytest.fixture
def client(site: Site) -> ValidatingClient:
    """A client that may submit."""
    return site.as_role(Role.TESTER)


def submit(client: ValidatingClient, project: bytes | None = None, **fields: str) -> Any:
    return client.post(ASYNC, files={"file": ("../../project.zip", zip_of() if project is None else project)}, data=fields)


def kept_files(site: Site) -> list[Path]:
    """All files of jobs, finished and on their way in."""
    folders = [site.files / JOBS, site.files / INCOMING]
    return [path for folder in folders if folder.exists() for path in folder.rglob("*") if path.is_file()]


def assert_nothing_is_left(site: Site) -> None:
    assert kept_files(site) == []
    assert site.rows(select(JobRow.id)) == []


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


def test_a_field_that_is_not_known_is_refused_by_its_name(site: Site, client: ValidatingClient) -> None:
    answer = submit(client, prioritty="3")

    assert (answer.status_code, answer.json()["details"]["fields"]) == (400, {"prioritty": "Is not known."})
    assert_nothing_is_left(site)


def test_a_form_without_a_file_is_refused(site: Site, client: ValidatingClient) -> None:
    answer = client.post(ASYNC, files={"project": ("project.zip", zip_of())})

    assert (answer.status_code, set(answer.json()["details"]["fields"])) == (400, {"file", "project"})
    assert_nothing_is_left(site)


def test_two_files_are_one_too_many(site: Site, client: ValidatingClient) -> None:
    answer = client.post(ASYNC, files=[("file", ("a.zip", zip_of())), ("file", ("b.zip", zip_of()))])

    assert (answer.status_code, set(answer.json()["details"]["fields"])) == (400, {"body"})
    assert_nothing_is_left(site)


@pytest.mark.parametrize(("content_type", "body", "status"), [
    ("application/json", b"{}", 415), ("application/zip", b"PK", 415), ("", b"PK", 415),
    ("multipart/form-data", b"PK", 400), ("multipart/form-data; boundary=x", b"no boundary", 400),
    ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nPK', 400),
    ("multipart/form-data; boundary=x", b"", 400)])
def test_what_is_no_whole_form_is_refused(site: Site, client: ValidatingClient, content_type: str, body: bytes, status: int) -> None:
    answer = client.post(ASYNC, content=body, headers={"Content-Type": content_type})

    assert answer.status_code == status
    assert_nothing_is_left(site)


@pytest.mark.parametrize("parts", [
    b"--x\r\na:\r\n\r\n\r\n" * 1000, b'--x\r\nContent-Disposition: form-data; name="priority"\r\n\r\n1\r\n' * 1000,
    b"--x\r\n" + b"a: b\r\n" * 1000 + b"\r\n\r\n", b"--x\r\n" + b"a" * 100_000 + b": b\r\n\r\n\r\n"])
def test_a_form_of_countless_parts_or_headers_is_refused(site: Site, client: ValidatingClient, parts: bytes) -> None:
    answer = client.post(ASYNC, content=parts + b"--x--\r\n", headers={"Content-Type": "multipart/form-data; boundary=x"})

    assert (answer.status_code, answer.json()["details"]["fields"]) == (400, {"body": "Is no multipart form that can be read."})
    assert_nothing_is_left(site)


def bomb() -> bytes:
    """A small zip of a large file."""
    return zip_of({"zeros": bytes(50 << 20)})


def overlapping() -> bytes:
    """A zip whose two entries share their content."""
    whole = bytearray(zip_of({"a.py": b"x" * 100, "b.py": b"y" * 100}))
    second = whole.rindex(b"PK\1\2")
    struct.pack_into("<L", whole, second + 42, 0)
    return bytes(whole)


@pytest.mark.parametrize(("project", "rule"), [
    (b"", "no_zip"), (b"no zip at all", "no_zip"), (zip_of()[:-5], "no_zip"), (zip_of({"../../etc/passwd": b"x"}), "name"),
    (zip_of({"/etc/passwd": b"x"}), "name"), (zip_of({"a": b"x", "a/b": b"y"}), "duplicate"), (bomb(), "ratio"),
    (overlapping(), "overlap"), (zip_of({}), "empty"), (zip_of({"src/": b"", "src/tests/": b""}), "empty"),
    (zip_of({"__MACOSX/a.py": b"x", "src/": b"", "src/._a.py": b"x"}), "empty")],
    ids=["no_bytes", "text", "cut_off", "parent", "absolute", "file_and_folder", "bomb", "overlap", "no_entries", "only_folders",
        "only_left_out"])
def test_a_zip_that_no_honest_program_makes_is_refused_by_a_rule_with_a_name(
    site: Site, client: ValidatingClient, project: bytes, rule: str,
) -> None:
    answer = submit(client, project)

    assert (answer.status_code, answer.json()["code"]) == (422, "unprocessable")
    assert answer.json()["details"]["rule"] == rule
    assert_nothing_is_left(site)


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.integers(0, 200), st.integers(0, 200))
def test_whatever_is_sent_as_a_zip_gets_an_answer_of_the_contract(site: Site, noise: bytes, at: int, cut: int) -> None:
    project = zip_of()
    broken = project[:at] + noise + project[at + cut:]

    answer = submit(site.as_role(Role.TESTER), broken)

    assert answer.status_code == 422 or (answer.status_code == 200 and zipfile.is_zipfile(BytesIO(broken)))


def test_a_zip_over_the_limit_is_refused_and_leaves_nothing(make_site: MakeSite) -> None:
    site = make_site(job_zip_size=10_000)
    client = site.as_role(Role.TESTER)

    answers = [submit(client, b"x" * size) for size in (10_001, 500_000)]

    assert [answer.status_code for answer in answers] == [413, 413]
    assert answers[0].json()["details"]["limit"] == 10_000
    assert_nothing_is_left(site)


def test_a_project_whose_sender_falls_silent_is_408_and_leaves_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_TIMEOUT", 0.3)
    token = add_token(site.account(Role.TESTER), now=site.clock.now)
    half = b'--b\r\nContent-Disposition: form-data; name="file"; filename="p.zip"\r\n\r\n' + b"x" * (2 << 20)

    answer = ask(
        site.app, ASYNC, method="POST", token=token, headers=[("content-type", "multipart/form-data; boundary=b")], body=[half],
        stalls=True)

    assert (answer.status, answer.json["code"], answer.header("connection")) == (408, "request_timeout", "close")
    assert_nothing_is_left(site)


def test_a_zip_may_be_larger_than_what_a_worker_may_send(make_site: MakeSite) -> None:
    site = make_site(max_upload=10_000, job_zip_size=1 << 20)
    project = zip_of({"noise.bin": Random(7).randbytes(200_000)})

    answer = submit(site.as_role(Role.TESTER), project)

    assert answer.status_code == 200


def test_a_zip_may_unpack_to_four_times_what_the_largest_has(make_site: MakeSite) -> None:
    site = make_site(job_zip_size=1 << 18)

    answers = [submit(site.as_role(Role.TESTER), zip_of({"a": b"x" * (1 << 20), **more})) for more in ({}, {"b": b"x"})]

    assert answers[0].status_code == 200
    assert answers[1].json()["details"]["rule"] == "total_size"


def test_a_zip_has_20000_files_at_most(site: Site) -> None:
    answer = submit(site.as_role(Role.TESTER), zip_of({str(number): b"" for number in range(20_001)}))

    assert answer.json()["details"]["rule"] == "entries"


@pytest.mark.parametrize(("web_hook", "status"), [
    ("https://hooks.example.org/ci?job=1", 200), ("https://evil.example.net/", 422), ("https://hooks.example.org.evil.net/", 422),
    ("http://hooks.example.org/", 400), ("ftp://hooks.example.org/", 400), ("https://user@hooks.example.org/", 400),
    ("nonsense", 400), ("", 400)])
def test_a_web_hook_goes_to_a_host_on_the_list_alone(make_site: MakeSite, web_hook: str, status: int) -> None:
    site = make_site(webhook_hosts=("hooks.example.org",), webhook_secret="0123456789abcdef")

    answer = submit(site.as_role(Role.TESTER), web_hook=web_hook)

    assert answer.status_code == status
    assert site.rows(select(JobRow.web_hook)) == ([(web_hook,)] if status == 200 else [])


def test_no_web_hook_is_taken_where_no_host_is_listed(site: Site, client: ValidatingClient) -> None:
    answer = submit(client, web_hook="https://hooks.example.org/")

    assert answer.status_code == 422
    assert_nothing_is_left(site)


SCANNER = """
import pathlib, sys
content = pathlib.Path(sys.argv[-1]).read_bytes()
sys.exit({b"P": 0}.get(content[:1], 3) if b"EICAR" not in content else 1)
"""


def scanning(*words: str) -> str:
    return " ".join(f"'{word}'" for word in words)


def test_the_scanner_sees_each_zip_and_its_verdict_counts(make_site: MakeSite, tmp_path: Path) -> None:
    program = tmp_path / "scanner.py"
    program.write_text(SCANNER)
    site = make_site(job_scanner=scanning(sys.executable, str(program)))
    client = site.as_role(Role.TESTER)

    clean, infected = submit(client), submit(client, zip_of({"EICAR.txt": b"x"}))

    assert (clean.status_code, infected.status_code) == (200, 422)
    assert infected.json()["details"]["rule"] == "scanner"
    assert len(kept_files(site)) == 1


@pytest.mark.parametrize("command", ["/nonexistent/scanner", scanning(sys.executable, "-c", "import os; os.kill(os.getpid(), 9)")])
def test_a_scanner_that_cannot_look_accepts_nothing(make_site: MakeSite, command: str) -> None:
    site = make_site(job_scanner=command)

    answer = submit(site.as_role(Role.TESTER))

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert_nothing_is_left(site)


def add_agent(name: str, sandbox: str | None, *, silent: timedelta = timedelta(0), **changes: Any) -> None:
    with transaction():
        save_agent(Agent(name, 2, 0, database_now() - silent, sandbox, **changes))


def test_jobs_are_refused_while_agents_live_and_none_has_a_sandbox(site: Site, client: ValidatingClient) -> None:
    add_agent("one", None, trouble="no user namespaces")

    refused = submit(client)
    add_agent("one", None, trouble="no user namespaces", silent=timedelta(minutes=5))
    waiting = submit(client)

    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert waiting.status_code == 200


def test_one_agent_with_a_sandbox_is_enough(site: Site, client: ValidatingClient) -> None:
    add_agent("one", None)
    add_agent("two", "bubblewrap")

    assert submit(client).status_code == 200


def test_an_account_whose_jobs_wait_in_numbers_is_told_to_wait_and_others_are_not(make_site: MakeSite) -> None:
    site = make_site(queued_jobs_per_user=2)
    client = site.as_role(Role.TESTER)
    first = submit(client).json()["job_id"]
    submit(client)

    refused, other = submit(client), submit(site.as_role(Role.CONTRIBUTOR))
    client.delete(f"/jobs/{first}")
    again = submit(client)

    assert (refused.status_code, refused.json()["code"], refused.headers["Retry-After"]) == (429, "rate_limited", "60")
    assert (other.status_code, again.status_code) == (200, 200)


def test_of_many_who_come_at_once_no_more_are_kept_than_may_wait(make_site: MakeSite) -> None:
    site = make_site(queued_jobs_per_user=3)
    client = site.as_role(Role.TESTER)

    answers = site.together(*[lambda: submit(client)] * 10)

    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [429] * 7
    assert len(kept_files(site)) == len(site.rows(select(JobRow.id))) == 3


def test_projects_leave_room_on_the_disk(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project_upload, "DISK_RESERVE", 1 << 60)

    answer = submit(site.as_role(Role.TESTER))

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert_nothing_is_left(site)


def test_a_disk_that_filled_up_while_a_project_came_in_does_not_take_it(
    site: Site, client: ValidatingClient, monkeypatch: pytest.MonkeyPatch,
) -> None:
    rooms = iter([1 << 40, 0])
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=next(rooms), f_frsize=1))

    answer = submit(client)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert_nothing_is_left(site)


def test_a_job_that_is_cancelled_while_it_waits_leaves_no_project(site: Site, client: ValidatingClient) -> None:
    job_id = submit(client).json()["job_id"]

    client.delete(f"/jobs/{job_id}")

    assert kept_files(site) == []


def test_a_server_that_is_told_to_take_no_jobs_takes_none(make_site: MakeSite) -> None:
    site = make_site(jobs="off")

    answer = submit(site.as_role(Role.ADMIN))

    assert (answer.status_code, answer.json()["message"]) == (503, "This server takes no jobs.")
    assert_nothing_is_left(site)


@pytest.mark.parametrize(("role", "status"), [(Role.ADMIN, 200), (Role.TESTER, 200), (Role.CONTRIBUTOR, 200), (Role.USER, 403)])
def test_who_may_submit_goes_by_the_role(site: Site, role: Role, status: int) -> None:
    assert submit(site.as_role(role)).status_code == status


def test_the_roles_that_may_are_configured_and_the_document_says_so(make_site: MakeSite) -> None:
    site = make_site(job_roles=("admin", "user"))

    answers = [submit(site.as_role(role)) for role in (Role.USER, Role.TESTER)]

    assert [answer.status_code for answer in answers] == [200, 403]
    assert answers[1].json()["details"]["required_roles"] == ["admin", "user"]
    document = site.client.get("/openapi-jobs.json").json()
    assert document["paths"][ASYNC]["post"]["x-required-roles"] == ["admin", "user"]


def test_submitting_needs_a_token_with_the_scope_for_writing(site: Site) -> None:
    assert submit(site.client).status_code == 401
    assert submit(site.as_role(Role.TESTER, Scope.RUNS_READ)).status_code == 403
    assert_nothing_is_left(site)


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


def events(answer: Any) -> list[Any]:
    return [json.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if line.startswith("data: ")]


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
