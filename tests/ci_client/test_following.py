"""Following a job's log over connections that break."""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from threading import Event

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_client.client import CiError, Refused, Unreachable, follow
from tests.ci_client.stand_in import JOB_ID, TIMEOUT, Asked, Cut, answer, closed_port, refusal, stand_in, stream
from tests.ci_client.wire import RETRY, ServedJob, Slept, complete, log, text_of

DONE = {"type": "complete", "success": True}


def test_a_log_is_followed_to_its_end() -> None:
    with stand_in(ServedJob(("one\n", "two\n"))) as server:
        events = list(follow(JOB_ID, server.url, True))

    assert events == [{"type": "log", "data": "one\n"}, {"type": "log", "data": "two\n"}, DONE]


def test_only_the_beginning_is_asked_for_by_name() -> None:
    with stand_in(ServedJob()) as server:
        list(follow(JOB_ID, server.url))
        list(follow(JOB_ID, server.url, from_beginning=True))

    assert [asked.query for asked in server.asked] == [{}, {"from_beginning": "true"}]


def test_a_failed_job_ends_with_its_failure() -> None:
    with stand_in(ServedJob(success=False)) as server:
        events = list(follow(JOB_ID, server.url, True))

    assert events[-1] == {"type": "complete", "success": False}


@settings(max_examples=60, deadline=None)
@given(
    pieces=st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=6),
    cuts=st.lists(st.integers(0, 400), max_size=8),
    chunked=st.booleans(),
    noise=st.sampled_from([b"", b": ping\n\n", b"what is this\n\n", b"event: other\ndata:nothing\n\n", b"\r\n\n: ping\r\n\r\n"]),
)
def test_wherever_the_connection_breaks_each_byte_comes_once(pieces: list[str], cuts: list[int], chunked: bool, noise: bytes) -> None:
    with stand_in(ServedJob(pieces, cuts, chunked=chunked, noise=noise, reason="It took too long.\n")) as server:
        events = list(follow(JOB_ID, server.url, True, retries=Slept().retries(10_000)))

    assert text_of(events) == "".join(pieces) + "It took too long.\n"
    assert [event for event in events if event["type"] == "complete"] == [DONE]


def test_a_connection_that_is_reset_is_come_back_to() -> None:
    succeeded = Event()

    def respond(asked: Asked) -> Iterator[bytes]:
        if "last-event-id" in asked.headers:
            yield from stream([log("two\n", "1-8"), complete()])
            return
        yield from stream([log("one\n", "1-4")])
        assert succeeded.wait(TIMEOUT)
        raise Cut

    with stand_in(respond) as server:
        events = follow(JOB_ID, server.url, True, retries=Slept().retries())
        first = next(events)
        succeeded.set()
        pause_for = list(events)

    assert text_of([first, *pause_for]) == "one\ntwo\n"


def test_it_comes_back_with_the_id_of_the_last_whole_event() -> None:
    whole = len(RETRY + log("one\n", "1-4"))
    with stand_in(ServedJob(("one\n", "two\n"), [whole + 20], noise=b"")) as server:
        list(follow(JOB_ID, server.url, True, retries=Slept().retries()))

    assert [asked.headers.get("last-event-id") for asked in server.asked] == [None, "1-4"]


def test_it_begins_behind_an_event_that_is_named() -> None:
    with stand_in(ServedJob(("one\n", "two\n"))) as server:
        events = list(follow(JOB_ID, server.url, last_event_id="1-4"))

    assert text_of(events) == "two\n"


def test_a_place_without_an_event_is_come_back_to_as_well() -> None:
    def respond(asked: Asked) -> Iterable[bytes]:
        return stream([b"id: 1-100\n\n"]) if "last-event-id" not in asked.headers else stream([complete()])

    with stand_in(respond) as server:
        list(follow(JOB_ID, server.url, retries=Slept().retries()))

    assert server.asked[1].headers["last-event-id"] == "1-100"


def test_where_all_was_sent_the_job_itself_tells_the_outcome() -> None:
    def respond(asked: Asked) -> Iterable[bytes]:
        if not asked.path.endswith("/stream"):
            return answer(200, {"job_id": JOB_ID, "status": "completed", "success": False})
        return answer(204) if "last-event-id" in asked.headers else stream([log("one\n", "1-4")])

    with stand_in(respond) as server:
        events = list(follow(JOB_ID, server.url, retries=Slept().retries()))

    assert events == [{"type": "log", "data": "one\n"}, {"type": "complete", "success": False}]


def test_a_garbled_event_is_asked_for_again() -> None:
    answers = [stream([b'id: 1-4\ndata: {"type": "lo\n\n']), stream([log("one\n", "1-4"), complete()])]
    with stand_in(lambda asked: answers.pop(0)) as server:
        events = list(follow(JOB_ID, server.url, True, retries=Slept().retries()))

    assert text_of(events) == "one\n"
    assert "last-event-id" not in server.asked[1].headers


def test_what_is_always_garbled_is_given_up() -> None:
    with stand_in(lambda asked: stream([RETRY, b"data: [1, 2]\n\n"])) as server:
        with pytest.raises(CiError, match="away for too long"):
            list(follow(JOB_ID, server.url, True, retries=Slept().retries()))


def test_the_first_pause_is_the_one_that_the_server_asks_for() -> None:
    slept = Slept()
    with stand_in(ServedJob(cuts=[60])) as server:
        list(follow(JOB_ID, server.url, True, retries=slept.retries()))

    assert slept.pauses == [3.0]


def test_pauses_grow_while_the_server_is_away_and_end_with_the_timeout() -> None:
    slept = Slept()

    def respond(asked: Asked) -> Iterable[bytes]:
        return refusal(503, "unavailable", "Away.") if "last-event-id" in asked.headers else stream([log("one\n", "1-4")])

    with stand_in(respond) as server:
        with pytest.raises(CiError, match=f"ci wait {JOB_ID}"):
            list(follow(JOB_ID, server.url, True, retries=slept.retries(100)))

    assert slept.pauses == [1, 2, 4, 8, 16, 30, 30]


def test_a_server_that_says_when_to_come_back_is_obeyed() -> None:
    slept = Slept()
    answers = [stream([log("one\n", "1-4")]), refusal(503, "unavailable", "Away.", Retry_After="7"), stream([complete()])]
    with stand_in(lambda asked: answers.pop(0)) as server:
        list(follow(JOB_ID, server.url, True, retries=slept.retries()))

    assert slept.pauses == [1, 7]


def test_a_job_that_is_gone_is_not_come_back_to() -> None:
    answers = [stream([log("one\n", "1-4")]), refusal(404, "not_found", "Job not found.")]
    with stand_in(lambda asked: answers.pop(0)) as server:
        with pytest.raises(Refused, match="Job not found"):
            list(follow(JOB_ID, server.url, True, retries=Slept().retries()))


def test_a_server_that_was_never_there_is_not_waited_for() -> None:
    slept = Slept()

    with pytest.raises(Unreachable, match="cannot be reached"):
        list(follow(JOB_ID, f"http://127.0.0.1:{closed_port()}", retries=slept.retries()))

    assert slept.pauses == []


def test_a_person_is_told_of_each_break() -> None:
    notices: list[str] = []
    with stand_in(ServedJob(cuts=[60])) as server:
        list(follow(JOB_ID, server.url, True, notice=notices.append, retries=Slept().retries()))

    assert notices == ["The connection broke; the job goes on, and this comes back to it."]


@pytest.mark.parametrize("job_id", ["", "7", "../jobs", f"{JOB_ID}/stream"])
def test_only_ids_of_jobs_are_asked_for(job_id: str) -> None:
    with pytest.raises(CiError, match="not the id of a job"):
        list(follow(job_id, "http://127.0.0.1:9"))
