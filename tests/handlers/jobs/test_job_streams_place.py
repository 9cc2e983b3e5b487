"""A job's stream over real connections: where it begins, and where a client that comes back goes on."""
from __future__ import annotations

from typing import Any

import pytest

from tests.handlers.jobs.watched import PASSED, Watched
from tests.handlers.jobs.watching import log_of


def test_who_joins_a_finished_job_for_what_is_new_is_told_that_it_is_over(watched: Watched) -> None:
    run = watched.job().start().write(b"said before\n").finish(exit_code=1)

    with watched.watch(run) as stream:
        events = stream.rest()

    assert [event.data for event in events] == [
        {"type": "log", "data": "Job already completed.\n"}, {"type": "complete", "success": False}]


def test_who_joins_a_running_job_for_what_is_new_gets_no_more(watched: Watched) -> None:
    character = "ä".encode()
    run = watched.job().start().write(b"said before, and half a character: " + character[:1])

    with watched.watch(run) as stream:
        stream.next_other()
        run.write(character[1:] + b"\nnew\n")
        said = stream.until("new\n")

    assert said == "ä\nnew\n"


def test_who_loses_the_connection_before_the_first_event_misses_nothing_that_came_since(watched: Watched) -> None:
    run = watched.job().start().write(b"said before\n")

    with watched.watch(run) as stream:
        stream.next_other()
    run.write(b"said meanwhile\n").finish()
    with watched.watch(run, headers={"Last-Event-ID": str(stream.last_id)}) as again:
        events = again.rest()

    assert log_of(events) == "said meanwhile\n" + PASSED


def test_the_whole_log_of_a_finished_job_can_be_had_again(watched: Watched) -> None:
    run = watched.job().start().write(b"one\ntwo\n").finish()

    streams = []
    for _ in range(2):
        with watched.watch_all(run) as stream:
            streams.append([(event.id, event.data) for event in stream.rest()])

    assert streams[0] == streams[1]
    assert [data for _, data in streams[0]] == [
        {"type": "log", "data": "one\ntwo\n"}, {"type": "log", "data": PASSED}, {"type": "complete", "success": True}]


@pytest.mark.parametrize("by", ["header", "query"])
def test_a_client_that_comes_back_goes_on_exactly_where_it_was_at_every_event(watched: Watched, by: str) -> None:
    run = watched.job().start()
    for line in (b"one\n", "zwö\n".encode(), b"\xff\xfe\n"):
        run.write(line)
    run.write(b"x" * 100_000).finish()
    with watched.watch_all(run) as stream:
        events = [(event.id, event.data) for event in stream.rest()]

    resumed = []
    for number, (event_id, _) in enumerate(events[:-1]):
        given: dict[str, Any] = {"headers": {"Last-Event-ID": event_id}} if by == "header" else {"last_event_id": event_id}
        with watched.watch(run, **given) as stream:
            resumed.append((number, [(event.id, event.data) for event in stream.rest()]))

    assert len(events) >= 5
    assert resumed == [(number, events[number + 1:]) for number in range(len(events) - 1)]


def test_who_has_the_last_event_is_told_that_there_is_no_more(watched: Watched) -> None:
    run = watched.job().start().write(b"one\n").finish()

    last = []
    for parameters in ({"from_beginning": "true"}, {}):
        with watched.watch(run, **parameters) as stream:
            stream.rest()
            last.append(stream.last_id)
    client = watched.site.client.as_(watched.token)
    answers = [client.get(f"/jobs/{run.job_id}/stream", headers={"Last-Event-ID": event_id}) for event_id in last]

    assert [answer.status_code for answer in answers] == [204, 204]


@pytest.mark.parametrize(("given", "is_yes"), [
    *((word, True) for word in ("true", "True", "TRUE", "1", "yes", "Yes", "on", "y", "t")),
    *((word, False) for word in ("false", "False", "0", "no", "off", "n", "F")),
])
def test_whether_to_begin_at_the_beginning_is_said_in_the_words_of_the_descriptions_server(
    watched: Watched, given: str, is_yes: bool,
) -> None:
    run = watched.job().start().write(b"one\n").finish()

    with watched.watch(run, from_beginning=given) as stream:
        said = [event.data.get("data") for event in stream.rest()]

    assert ("one\n" in said) == is_yes


@pytest.mark.parametrize("given", ["", "2", "truely", "yes ", "maybe", "None", "true\n"])
def test_another_word_is_refused(watched: Watched, given: str) -> None:
    run = watched.job().start()

    answer = watched.site.client.as_(watched.token).get(f"/jobs/{run.job_id}/stream", params={"from_beginning": given})

    assert answer.status_code == 400


@pytest.mark.parametrize("given", ["1", "nonsense", "0-5", "1-2-3", "1:2"])
def test_an_id_of_no_event_is_refused(watched: Watched, given: str) -> None:
    run = watched.job().start()
    client = watched.site.client.as_(watched.token)

    by_header = client.get(f"/jobs/{run.job_id}/stream", headers={"Last-Event-ID": given})
    by_query = client.get(f"/jobs/{run.job_id}/stream", params={"last_event_id": given})

    assert [(answer.status_code, set(answer.json()["details"]["fields"])) for answer in (by_header, by_query)] == [
        (400, {"last_event_id"})] * 2


def test_a_place_that_the_log_has_not_come_to_is_waited_for(watched: Watched) -> None:
    run = watched.job().start().write(b"one\n")

    with watched.watch(run, last_event_id="1-8") as stream:
        stream.next_other()
        run.write(b"two\nthree\n").finish()
        said = log_of(stream.rest())

    assert said == "three\n" + PASSED


def test_another_attempt_is_seen_in_the_stream_and_its_ids_go_on(watched: Watched) -> None:
    run = watched.job(max_attempts=2).start().write(b"first try\n")
    between = "This is attempt 2 of the job; the one before was lost.\n"

    with watched.watch_all(run) as stream:
        stream.until("first try\n")
        run.lose().start().write(b"second try\n")
        stream.until("second try\n")
        run.finish()
        stream.rest()
    with watched.watch_all(run) as stream:
        events = [(event.id, event.data.get("data")) for event in stream.rest()]
    with watched.watch(run, last_event_id="1-10") as stream:
        resumed = [(event.id, event.data.get("data")) for event in stream.rest()]

    assert events[:3] == [("1-10", "first try\n"), ("2-0", between), ("2-11", "second try\n")]
    assert resumed == events[1:]


def test_a_lost_job_that_waits_again_keeps_its_stream_open(watched: Watched) -> None:
    run = watched.job(max_attempts=2).start().write(b"first try\n")

    with watched.watch_all(run) as stream:
        stream.until("first try\n")
        run.lose()
        pings = [stream.next_other().other for _ in range(3)]
        run.start().finish()
        rest = stream.rest()

    assert pings[1:] == [[": ping"]] * 2
    assert log_of(rest) == f"This is attempt 2 of the job; the one before was lost.\n{PASSED}"


def test_an_attempt_that_was_put_back_before_it_began_leaves_no_trace(watched: Watched) -> None:
    run = watched.job().start()

    with watched.watch_all(run) as stream:
        stream.next_other()
        run.put_back().start().write(b"begun after all\n")
        said = stream.until("all\n")
        run.finish()
        rest = stream.rest()

    assert (said, log_of(rest)) == ("begun after all\n", PASSED)
