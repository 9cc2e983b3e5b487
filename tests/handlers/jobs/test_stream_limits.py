"""How many streams an account may have open: each counts until its client leaves, whatever it shows, and others' count apart."""
from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from api.domain.auth.access import Role
from api.domain.errors import TooMany
from api.domain.runs.run import Phase
from api.handlers.jobs.streams import ANONYMOUS_SHARE
from api.jobs.files import JobFiles
from api.storage.auth.accounts import find_account
from api.storage.auth.local_account import EMAIL
from api.storage.files.backends import INCOMING
from api.storage.jobs.tables import JobRow
from api.streaming.stream_limits import StreamLimits
from tests.builders import NOW, add_event, add_run, add_token
from tests.e2e.processes import eventually
from tests.handlers.jobs.watching import HandRun, Stream, listening
from tests.handlers.site import Site, build_site
from tests.submitted_jobs import zip_of


@pytest.fixture
def served(sqlite_path: Path, tmp_path: Path) -> Iterator[tuple[Site, str]]:
    """A server that listens, at which an account may have two streams open."""
    site = build_site(tmp_path, sqlite_path, streams_per_user=2)
    with listening(site.app) as url, site.app.flask.app_context():
        yield site, url


def token_of(site: Site, role: Role) -> str:
    return add_token(site.account(role), now=NOW)


def third_and_other(url: str, mine: tuple[str, str | None], others: tuple[str, str | None]) -> tuple[int, int]:
    """How a third stream of a path and token is answered, and somebody else's beside it; once one of the first is closed, another opens."""
    streams = [Stream(url, *mine) for _ in range(2)]
    for stream in streams:
        stream.next_other()
    refused, other = Stream(url, *mine), Stream(url, *others)
    streams[0].close()
    eventually(lambda: _opens(url, *mine), "a stream that opens")
    assert refused.answer.headers["Retry-After"] == "10"
    for stream in (*streams, refused, other):
        stream.close()
    return refused.status, other.status


def test_a_stream_more_than_allowed_is_refused_until_another_is_closed(served: tuple[Site, str]) -> None:
    site, url = served
    token = token_of(site, Role.TESTER)
    path = f"/jobs/{HandRun.submitted(JobFiles(site.files), site.account(Role.TESTER)).job_id}/stream"

    statuses = third_and_other(url, (path, token), (path, token_of(site, Role.ADMIN)))

    assert statuses == (429, 200)


def test_streams_of_runs_and_jobs_count_together(served: tuple[Site, str]) -> None:
    site, url = served
    token, run_id = token_of(site, Role.TESTER), add_run()
    add_event(run_id, Phase.TESTING)
    job = f"/jobs/{HandRun.submitted(JobFiles(site.files), site.account(Role.TESTER)).job_id}/stream"
    run = f"/api/v1/runs/{run_id}/logs/stream"
    streams = [Stream(url, run, token), Stream(url, job, token)]
    for stream in streams:
        stream.next_other()

    refused = [Stream(url, path, token) for path in (run, job)]
    streams[0].close()
    eventually(lambda: _opens(url, job, token), "a stream that opens")

    assert [each.status for each in refused] == [429, 429]
    for stream in (streams[1], *refused):
        stream.close()


def test_a_project_whose_log_could_not_be_followed_is_refused_before_it_is_taken(served: tuple[Site, str]) -> None:
    site, url = served
    token = token_of(site, Role.TESTER)
    path = f"/jobs/{HandRun.submitted(JobFiles(site.files), site.account(Role.TESTER)).job_id}/stream"
    streams = [Stream(url, path, token) for _ in range(2)]
    for stream in streams:
        stream.next_other()

    answers = [send(url, token, path) for path in ("/submit", "/submit-stream", "/submit-async")]

    assert answers == [429, 429, 200]
    assert len(site.rows(select(JobRow.id))) == 2
    for stream in streams:
        stream.close()


def test_projects_that_are_never_wholly_sent_keep_no_more_than_their_senders_own_from_coming_in(served: tuple[Site, str]) -> None:
    site, url = served
    others = [token_of(site, role) for role in (Role.TESTER, Role.ADMIN)]
    halves = [half_a_project(url, others[0]) for _ in range(2)]
    incoming = site.files / INCOMING
    eventually(lambda: len(list(incoming.glob("upload-*"))) == 2, "two uploads")

    answers = [send(url, token, "/submit-async") for token in others]
    for half in halves:
        half.close()
    eventually(lambda: not list(incoming.glob("upload-*")), "the end of the uploads")
    eventually(lambda: send(url, others[0], "/submit-async") == 200, "an upload that is taken")

    assert answers == [429, 200]


def test_seats_are_given_back() -> None:
    seats = StreamLimits(1)

    with seats.acquire(1):
        seats.check(2)
        with pytest.raises(TooMany):
            seats.check(1)

    seats.check(1)


@pytest.fixture
def served_here(sqlite_path: Path, tmp_path: Path) -> Iterator[tuple[Site, str]]:
    """A server that asks programs of this machine for no token; two streams are an account's, or a job's where there is no token."""
    site = build_site(
        tmp_path, sqlite_path, streams_per_user=2, job_allow_anonymous=True, public_url="http://127.0.0.1:8000")
    with listening(site.app) as url, site.app.flask.app_context():
        yield site, url


def anonymous_job(site: Site) -> str:
    """The stream of a job that a program without a token has submitted."""
    account = find_account(EMAIL)
    assert account is not None
    return f"/jobs/{HandRun.submitted(JobFiles(site.files), account.user_id).job_id}/stream"


def test_a_program_without_a_token_keeps_no_other_from_following_its_own_job(served_here: tuple[Site, str]) -> None:
    site, url = served_here
    mine, others = anonymous_job(site), anonymous_job(site)

    statuses = third_and_other(url, (mine, None), (others, None))

    assert statuses == (429, 200)


def test_programs_without_a_token_cannot_multiply_their_streams_by_their_jobs(served_here: tuple[Site, str]) -> None:
    site, url = served_here
    jobs = [anonymous_job(site) for _ in range(ANONYMOUS_SHARE + 1)]
    streams = [Stream(url, job, None) for job in jobs[:-1] for _ in range(2)]
    for stream in streams:
        stream.next_other()

    refused, with_token = Stream(url, jobs[-1], None), Stream(url, jobs[-1], token_of(site, Role.ADMIN))

    assert {stream.status for stream in streams} == {200}
    assert (refused.status, with_token.status) == (429, 200)
    for stream in (*streams, refused, with_token):
        stream.close()


def send(url: str, token: str, path: str) -> int:
    files, headers = {"file": ("project.zip", zip_of())}, {"Authorization": f"Bearer {token}"}
    return httpx.post(f"{url}{path}", files=files, headers=headers, timeout=60, trust_env=False).status_code


def half_a_project(url: str, token: str) -> http.client.HTTPConnection:
    """A connection on which a project began to come in, as much of it as is written to the disk at once."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    connection.putrequest("POST", "/submit-async")
    for name, value in {
        "Authorization": f"Bearer {token}", "Content-Type": "multipart/form-data; boundary=x", "Content-Length": str(4 << 20),
    }.items():
        connection.putheader(name, value)
    connection.endheaders(b'--x\r\nContent-Disposition: form-data; name="file"; filename="p.zip"\r\n\r\n' + bytes(2 << 20))
    return connection


def _opens(url: str, path: str, token: str | None) -> bool:
    with Stream(url, path, token) as stream:
        return stream.status == 200
