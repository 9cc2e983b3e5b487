"""Submitting projects from a program."""
from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from ci_client.client import CiError, Refused, submit_tests_async, submit_tests_streaming
from tests.ci_client.projects import PROJECT, make_project
from tests.ci_client.stand_in import JOB_ID, Asked, Cut, answer, refusal, stand_in, stream
from tests.ci_client.wire import RETRY, ServedJob, Slept, complete, frame, log, parts_of, text_of

TOLD = {"type": "job_id", "job_id": JOB_ID}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project."""
    return make_project(tmp_path / "project")


def test_a_project_is_submitted_and_followed(project: Path) -> None:
    with stand_in(ServedJob(("one\n",))) as server:
        events = list(submit_tests_streaming(project, server_url=server.url))

    assert events == [TOLD, {"type": "log", "data": "one\n"}, {"type": "complete", "success": True}]
    assert [(asked.method, asked.path) for asked in server.asked] == [("POST", "/submit-stream")]


def test_what_is_sent_is_the_projects_zip(project: Path) -> None:
    with stand_in(ServedJob()) as server:
        list(submit_tests_streaming(str(project), server.url))

    with zipfile.ZipFile(io.BytesIO(parts_of(server.asked[0])["file"])) as archive:
        assert {name: archive.read(name).decode() for name in archive.namelist()} == PROJECT


def test_a_job_can_be_submitted_without_waiting(project: Path) -> None:
    with stand_in(ServedJob()) as server:
        job_id = submit_tests_async(project, server.url, priority=-3, web_hook="https://example.org/hook")

    parts = parts_of(server.asked[0])
    assert (job_id, server.asked[0].path) == (JOB_ID, "/submit-async")
    assert (parts["priority"], parts["web_hook"]) == (b"-3", b"https://example.org/hook")


def test_the_form_has_only_what_was_asked_for_and_where_the_project_comes_from(project: Path) -> None:
    with stand_in(ServedJob()) as server:
        submit_tests_async(project, server.url)

    assert list(parts_of(server.asked[0])) == ["project", "file"]


def test_progress_goes_up_to_the_whole_upload(project: Path) -> None:
    (project / "noise.bin").write_bytes(random.Random(1).randbytes(300_000))
    told: list[tuple[int, int]] = []
    with stand_in(ServedJob()) as server:
        submit_tests_async(project, server.url, progress=lambda sent, total: told.append((sent, total)))

    size = len(parts_of(server.asked[0])["file"])
    assert told == sorted(told)
    assert told[-1] == (size, size)
    assert len({sent for sent, _ in told}) > 2


@pytest.mark.parametrize("cut", range(0, 260, 7))
def test_a_stream_that_breaks_once_the_job_is_told_is_taken_up(project: Path, cut: int) -> None:
    told = len(RETRY + frame(TOLD))
    with stand_in(ServedJob(("one\n", "two\n"), [told + cut, 40], noise=b"")) as server:
        events = list(submit_tests_streaming(project, server.url, retries=Slept().retries()))

    assert (events[0], text_of(events), events[-1]["type"]) == (TOLD, "one\ntwo\n", "complete")
    assert sum(asked.method == "POST" for asked in server.asked) == 1


def test_a_stream_that_breaks_before_the_job_is_told_is_not_submitted_again(project: Path) -> None:
    with stand_in(ServedJob(cuts=[20])) as server:
        with pytest.raises(CiError, match="before the server told the job's id"):
            list(submit_tests_streaming(project, server.url, retries=Slept().retries()))

    assert len(server.asked) == 1


def test_a_job_before_whose_log_the_connection_broke_is_followed_from_its_beginning(project: Path) -> None:
    def respond(asked: Asked) -> Iterable[bytes]:
        return stream([frame(TOLD)]) if asked.method == "POST" else stream([log("one\n", "1-4"), complete()])

    with stand_in(respond) as server:
        events = list(submit_tests_streaming(project, server.url, retries=Slept().retries()))

    assert text_of(events) == "one\n"
    assert server.asked[1].query == {"from_beginning": "true"}


def test_after_too_many_requests_all_of_the_project_is_sent(project: Path) -> None:
    slept = Slept()
    answers = [refusal(429, "rate_limited", "Rate limit exceeded.", Retry_After="5"), answer(200, {"job_id": JOB_ID})]
    with stand_in(lambda asked: answers.pop(0)) as server:
        submit_tests_async(project, server.url, retries=slept.retries())

    first, second = (parts_of(asked)["file"] for asked in server.asked)
    assert (first, slept.pauses) == (second, [5])


def test_a_refusal_before_the_upload_is_over_is_told(project: Path) -> None:
    (project / "noise.bin").write_bytes(random.Random(1).randbytes(8 << 20))
    with stand_in(lambda asked: refusal(413, "payload_too_large", "The request body is too large."), answers_early=True) as server:
        with pytest.raises(Refused, match="The request body is too large"):
            submit_tests_async(project, server.url)


def test_a_service_that_takes_no_jobs_is_said_at_once(project: Path) -> None:
    slept = Slept()
    with stand_in(lambda asked: refusal(503, "unavailable", "No agent has a sandbox.", Retry_After="5")) as server:
        with pytest.raises(Refused, match="No agent has a sandbox"):
            list(submit_tests_streaming(project, server.url, retries=slept.retries()))

    assert slept.pauses == []


def test_an_upload_that_breaks_is_not_repeated(project: Path) -> None:
    def respond(asked: Asked) -> Iterator[bytes]:
        yield b""
        raise Cut

    with stand_in(respond) as server:
        with pytest.raises(CiError, match="gave no answer"):
            submit_tests_async(project, server.url, retries=Slept().retries())

    assert len(server.asked) == 1


@pytest.mark.parametrize("content", [{}, [], {"job_id": "../../etc"}, None])
def test_an_answer_without_the_id_of_a_job_is_none(project: Path, content: object) -> None:
    with stand_in(lambda asked: answer(200, content)) as server:
        with pytest.raises(CiError):
            submit_tests_async(project, server.url)


def test_nothing_is_sent_of_an_empty_project(tmp_path: Path) -> None:
    with stand_in(ServedJob()) as server:
        with pytest.raises(CiError, match="nothing to submit"):
            list(submit_tests_streaming(tmp_path, server.url))

    assert server.asked == []
