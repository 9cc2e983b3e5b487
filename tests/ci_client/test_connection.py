"""Requests to a server: the token, refusals in readable words, and what is waited out."""
from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from ci_client.client import CiError, Refused, Unreachable, cancel_job, get_job, list_jobs
from tests.ci_client.stand_in import JOB_ID, Asked, Cut, answer, raw_answer, refusal, stand_in
from tests.ci_client.wire import Slept

JOB = {"job_id": JOB_ID, "status": "running", "success": None}


@pytest.fixture(autouse=True)
def no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """No token of whoever runs the tests."""
    monkeypatch.delenv("CI_TOKEN", raising=False)


def test_jobs_are_listed_as_they_are_wanted() -> None:
    with stand_in(lambda asked: answer(200, [JOB])) as server:
        jobs = list_jobs(server.url, status="running", limit=3)

    assert jobs == [JOB]
    assert (server.asked[0].path, server.asked[0].query) == ("/jobs", {"status": "running", "limit": "3"})


def test_a_job_is_looked_at_and_cancelled() -> None:
    with stand_in(lambda asked: answer(202 if asked.method == "DELETE" else 200, JOB)) as server:
        jobs = [get_job(JOB_ID, server.url), cancel_job(JOB_ID, f"{server.url}/")]

    assert jobs == [JOB, JOB]
    assert [(asked.method, asked.path) for asked in server.asked] == [("GET", f"/jobs/{JOB_ID}"), ("DELETE", f"/jobs/{JOB_ID}")]


def test_the_token_is_that_of_the_environment_unless_one_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI_TOKEN", "from-environment\n")
    with stand_in(lambda asked: answer(200, [])) as server:
        list_jobs(server.url)
        list_jobs(server.url, token="given")

    assert [asked.headers["authorization"] for asked in server.asked] == ["Bearer from-environment", "Bearer given"]


def test_without_a_token_none_is_sent() -> None:
    with stand_in(lambda asked: answer(200, [])) as server:
        list_jobs(server.url)

    assert "authorization" not in server.asked[0].headers


@pytest.mark.parametrize("token", ["two words", "größe", "line\r\nX-Evil: 1"])
def test_a_token_that_no_header_can_carry_is_not_repeated(token: str) -> None:
    with pytest.raises(CiError) as raised:
        list_jobs("http://127.0.0.1:9", token=token)

    assert token not in str(raised.value)


@pytest.mark.parametrize(
    ("address", "words"),
    [("localhost:8000", "must begin with http"), ("ftp://host", "must begin with http"), ("http://", "must begin with http"),
     ("http://me:secret@host", "No password"), ("http://host:port", "cannot be read")])
def test_an_address_that_is_none_is_said(address: str, words: str) -> None:
    with pytest.raises(CiError, match=words):
        list_jobs(address)


def test_a_refusal_is_told_with_its_remedy_and_the_requests_name() -> None:
    details = {"remedy": "Send a plain zip.", "request_id": "01JD", "fields": {"priority": "Must be at most 10."}}
    with stand_in(lambda asked: refusal(400, "validation_error", "Request failed schema validation.", details)) as server:
        with pytest.raises(Refused) as raised:
            list_jobs(server.url)

    assert str(raised.value) == (
        "Request failed schema validation.\n  priority: Must be at most 10.\nSend a plain zip.\n(Request 01JD)")
    assert (raised.value.status, raised.value.code) == (400, "validation_error")


def test_who_has_no_token_is_told_how_to_set_one() -> None:
    with stand_in(lambda asked: refusal(401, "unauthorized", "Bearer token is missing, expired, or invalid.")) as server:
        with pytest.raises(Refused, match="ci login"):
            list_jobs(server.url)


def test_a_refusal_of_another_kind_is_told_by_its_status() -> None:
    with stand_in(lambda asked: raw_answer(502, b"<html>" + b"x" * 200_000, "text/html")) as server:
        with pytest.raises(Refused, match=r"The server answered 502 Bad Gateway\."):
            list_jobs(server.url)


def test_a_refusal_cannot_steer_the_terminal() -> None:
    with stand_in(lambda asked: refusal(400, "x", "Clear \x1b[2J this.")) as server:
        with pytest.raises(Refused) as raised:
            list_jobs(server.url)

    assert "\x1b" not in str(raised.value)


def test_too_many_requests_are_waited_out() -> None:
    slept, notices = Slept(), list[str]()
    answers = [refusal(429, "rate_limited", "Rate limit exceeded.", Retry_After="30"), answer(200, [JOB])]
    with stand_in(lambda asked: answers.pop(0)) as server:
        jobs = list_jobs(server.url, notice=notices.append, retries=slept.retries())

    assert (jobs, slept.pauses) == ([JOB], [30])
    assert notices == ["Too many requests; the server asks to wait 30 seconds."]


@pytest.mark.parametrize(("seconds", "pauses"), [("60", [60]), ("0", [1] * 100), ("101", []), ("soon", [])])
def test_too_many_requests_are_not_waited_out_forever(seconds: str, pauses: list[int]) -> None:
    slept = Slept()
    with stand_in(lambda asked: refusal(429, "rate_limited", "Rate limit exceeded.", Retry_After=seconds)) as server:
        with pytest.raises(Refused, match="Rate limit exceeded"):
            list_jobs(server.url, retries=slept.retries(100))

    assert slept.pauses == pauses


def test_an_answer_that_breaks_off_is_no_answer() -> None:
    def respond(asked: Asked) -> Iterable[bytes]:
        yield answer(200, [JOB])[0][:-3]

    with stand_in(respond) as server:
        with pytest.raises(Unreachable):
            list_jobs(server.url)


def test_a_server_that_says_nothing_is_unreachable() -> None:
    def respond(asked: Asked) -> Iterator[bytes]:
        yield b""
        raise Cut

    with stand_in(respond) as server:
        with pytest.raises(Unreachable, match="gave no answer"):
            list_jobs(server.url)


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[1]", b"\xff"])
def test_a_server_of_another_kind_is_said(body: bytes) -> None:
    with stand_in(lambda asked: raw_answer(200, body, "application/json")) as server:
        with pytest.raises(CiError, match="does not answer like a job service"):
            list_jobs(server.url)


def test_the_token_goes_to_no_other_server() -> None:
    with stand_in(lambda asked: answer(200, [])) as other:
        with stand_in(lambda asked: answer(307, None, Location=f"{other.url}/jobs")) as server:
            with pytest.raises(Refused, match="307"):
                list_jobs(server.url, token="secret")

    assert other.asked == []
