"""The stream of a job's log over real connections: what comes, when, and from where on."""
from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from api.domain.auth.access import Role, Scope
from api.domain.jobs.job import JobReason, end_message
from api.storage.database import transact
from api.storage.jobs.files import JobFiles
from api.storage.jobs.jobs import cancel_job
from api.streaming.log_follower import Follower
from tests.builders import NOW, add_token
from tests.handlers.jobs.watching import HandRun, Stream, listening, log_of, wait_until
from tests.handlers.site import Site, build_site

PASSED = end_message(JobReason.EXIT_CODE, 0) + "\n"


@dataclass
class Watched:
    """A server that listens, and a job of the client's."""

    site: Site
    url: str
    owner: int
    token: str

    @property
    def follower(self) -> Follower:
        """What follows the logs."""
        found: Follower = self.site.app.app_context.collaborators[Follower]
        return found

    def job(self, **options: Any) -> HandRun:
        """A job that waits."""
        return HandRun.submitted(JobFiles(self.site.files), self.owner, **options)

    def watch(self, run: HandRun, headers: dict[str, str] | None = None, **parameters: Any) -> Stream:
        """A client at a job's stream."""
        return Stream(self.url, f"/jobs/{run.job_id}/stream", self.token, headers, **parameters)

    def watch_all(self, run: HandRun, **parameters: Any) -> Stream:
        """A client that wants the log from its beginning."""
        return self.watch(run, from_beginning="true", **parameters)


@pytest.fixture(scope="module")
def server(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, str]]:
    """A server that listens, which the tests of this module share; its streams ping often."""
    folder = tmp_path_factory.mktemp("watched")
    database = folder / "ci.db"
    database.write_bytes(sqlite_template.read_bytes())
    site = build_site(folder, database)
    follower: Follower = site.app.app_context.collaborators[Follower]
    follower.ping_interval = 0.2
    with listening(site.app) as url:
        yield site, url


@pytest.fixture
def watched(server: tuple[Site, str]) -> Iterator[Watched]:
    """The server without jobs, within its application context."""
    site, url = server
    with site.app.flask.app_context():
        site.database.empty()
        site.accounts.clear()
        owner = site.account(Role.TESTER)
        yield Watched(site, url, owner, add_token(owner, Scope.RUNS_READ, now=NOW))


def test_a_stream_says_first_when_to_come_back_and_is_no_answer_to_keep(watched: Watched) -> None:
    run = watched.job().start()

    with watched.watch(run) as stream:
        first = next(iter(stream))

    assert first.other == ["retry: 3000"]
    assert stream.answer.headers["Content-Type"].startswith("text/event-stream")
    assert (stream.answer.headers["Cache-Control"], stream.answer.headers["X-Accel-Buffering"]) == ("no-store", "no")


def test_lines_come_as_they_are_written_each_with_the_place_behind_it(watched: Watched) -> None:
    run = watched.job().start()

    with watched.watch_all(run) as stream:
        seen = []
        for line in ("Installing dependencies...\n", "Running tests...\n", "déjà vu\n"):
            run.write(line.encode())
            event = stream.next()
            seen.append((event.id, event.data))

    assert seen == [
        ("1-27", {"type": "log", "data": "Installing dependencies...\n"}), ("1-44", {"type": "log", "data": "Running tests...\n"}),
        ("1-54", {"type": "log", "data": "déjà vu\n"})]


def test_a_queued_jobs_stream_waits_says_that_it_lives_and_sends_the_log_once_there_is_one(watched: Watched) -> None:
    run = watched.job()

    with watched.watch(run) as stream:
        assert stream.next_other().other == ["retry: 3000"]
        pings = [stream.next_other().other for _ in range(3)]
        run.start().write(b"begun\n")
        said = stream.until("begun\n")
        run.finish()
        rest = stream.rest()

    assert pings == [[": ping"]] * 3
    assert said == "begun\n"
    assert [event.data for event in rest] == [{"type": "log", "data": PASSED}, {"type": "complete", "success": True}]


@pytest.mark.parametrize(("reason", "exit_code", "success"), [
    (JobReason.EXIT_CODE, 0, True), (JobReason.EXIT_CODE, 3, False), (JobReason.TIMEOUT, None, False), (JobReason.CANCELLED, None, False),
    (JobReason.ZIP_REJECTED, None, False), (JobReason.ENGINE_ERROR, None, False), (JobReason.OUT_OF_MEMORY, 137, False),
    (JobReason.LOG_LIMIT, None, False)])
def test_the_reason_is_the_last_line_and_complete_comes_once_behind_it(
    watched: Watched, reason: JobReason, exit_code: int | None, success: bool,
) -> None:
    run = watched.job().start().write(b"half a li")

    with watched.watch_all(run) as stream:
        stream.until("half a li")
        run.finish(reason, exit_code)
        rest = [event.data for event in stream.rest()]

    assert rest == [
        {"type": "log", "data": "\n" + end_message(reason, exit_code) + "\n"}, {"type": "complete", "success": success}]


def test_complete_comes_no_sooner_than_the_row_says_so_whatever_the_files_say(watched: Watched) -> None:
    run = watched.job().start().write(b"all of it\n")
    run.attempt.exit.write_text("{}")

    with watched.watch_all(run) as stream:
        stream.until("all of it\n")
        quiet = [stream.next_other().other for _ in range(5)]
        run.finish()
        rest = stream.rest()

    assert quiet == [[": ping"]] * 5
    assert rest[-1].data == {"type": "complete", "success": True}


def test_complete_comes_no_sooner_than_the_whole_log_was_sent(watched: Watched) -> None:
    content = b"".join(b"line %d of a log that is long\n" % number for number in range(100_000))
    run = watched.job().start()

    with watched.watch_all(run) as stream:
        run.write(content).finish()
        events = stream.rest()

    assert log_of(events) == content.decode() + PASSED
    assert [event.data["type"] for event in events].count("complete") == 1
    assert events[-1].data["type"] == "complete"


def test_a_queued_job_that_is_cancelled_ends_its_stream(watched: Watched) -> None:
    run = watched.job()

    with watched.watch(run) as stream:
        stream.next_other()
        transact(lambda: cancel_job(run.job_id, NOW))
        rest = [event.data for event in stream.rest()]

    assert rest == [{"type": "log", "data": "The job was cancelled.\n"}, {"type": "complete", "success": False}]


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


def test_a_stream_ends_with_its_time_and_without_complete(watched: Watched) -> None:
    run = watched.job().start().write(b"one\n")

    with watched.watch_all(run, timeout=1) as stream:
        events = stream.rest()

    assert [event.data for event in events] == [{"type": "log", "data": "one\n"}]


def test_bytes_that_are_no_text_are_replaced_and_lines_of_any_length_pass(watched: Watched) -> None:
    content = b"\xff\xfe caf\xe9\n" + b"x" * 300_000 + "🎬".encode() * 50_000 + b"\n\x00\x1b[31mred\r\n\xf0\x9f"
    run = watched.job().start().write(content).finish()

    with watched.watch_all(run) as stream:
        events = stream.rest()

    assert log_of(events) == content.decode("utf-8", "replace") + "\n" + PASSED
    assert max(len(event.data.get("data", "")) for event in events) <= 64 * 1024


def test_a_partial_line_does_not_wait_for_its_end(watched: Watched) -> None:
    run = watched.job().start()

    with watched.watch_all(run) as stream:
        run.write(b"tests/test_a.py ..")
        first = stream.next().data["data"]
        run.write(b"..")
        second = stream.next().data["data"]

    assert (first, second) == ("tests/test_a.py ..", "..")


def test_one_sees_the_streams_of_ones_own_jobs_and_an_admin_all(watched: Watched) -> None:
    run = watched.job().start().write(b"secret\n").finish()
    path = f"/jobs/{run.job_id}/stream"

    stranger = watched.site.as_role(Role.CONTRIBUTOR).get(path)
    nobody = watched.site.as_role(Role.TESTER).get("/jobs/550e8400-e29b-41d4-a716-446655440000/stream")
    admin = watched.site.as_role(Role.ADMIN).get(path)
    without_scope = watched.site.as_role(Role.TESTER, Scope.SYSTEM_READ).get(path)

    assert (stranger.status_code, nobody.status_code, admin.status_code, without_scope.status_code) == (404, 404, 200, 403)
    assert stranger.json()["message"] == nobody.json()["message"]


def test_asking_for_the_headers_alone_opens_no_stream(watched: Watched) -> None:
    run = watched.job().start()

    answer = watched.site.client.as_(watched.token).head(f"/jobs/{run.job_id}/stream")

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Type"].startswith("text/event-stream")


def test_a_client_that_leaves_is_forgotten_and_the_job_goes_on(watched: Watched) -> None:
    run = watched.job().start().write(b"one\n")
    streams = [watched.watch_all(run) for _ in range(5)]
    for stream in streams:
        stream.until("one\n")

    for stream in streams[1:]:
        stream.close()
    wait_until(lambda: watched.follower.stream_count == 1)
    run.write(b"two\n")
    left = streams[0].until("two\n")
    streams[0].close()
    wait_until(lambda: watched.follower.stream_count == 0)

    assert left == "two\n"
    assert watched.follower.logs.log_count == 0
    assert run.load().status.value == "running"


def test_a_job_that_is_deleted_while_it_is_watched_ends_its_stream_without_complete(watched: Watched) -> None:
    run = watched.job().start().write(b"one\n")

    with watched.watch_all(run) as stream:
        stream.until("one\n")
        watched.site.database.empty()
        rest = stream.rest()

    assert rest == []


def test_a_log_that_was_removed_leaves_the_end_of_the_story(watched: Watched) -> None:
    run = watched.job().start().write(b"one\n").finish()
    run.attempt.log.unlink()

    with watched.watch_all(run) as stream:
        events = stream.rest()

    assert [event.data["type"] for event in events] == ["log", "complete"]
    assert log_of(events) == PASSED


def test_todays_client_reads_the_stream_as_it_always_did(watched: Watched) -> None:
    run = watched.job().start().write(b"collected 2 items\n").finish(exit_code=1)
    printed, success = "", None

    with watched.watch_all(run) as stream:
        for raw in stream.answer:
            line = raw.decode().rstrip("\n")
            if not line.startswith("data: "):
                continue
            event = json.loads(line[6:])
            if event["type"] == "log":
                printed += event["data"]
            elif event["type"] == "complete":
                success = event["success"]
                break

    assert printed == "collected 2 items\nThe command ended with exit code 1.\n"
    assert success is False


def test_a_hundred_watchers_of_one_log_all_get_it_whole(watched: Watched) -> None:
    run = watched.job().start()
    streams = [watched.watch_all(run) for _ in range(100)]
    lines = [f"line {number}\n" for number in range(200)]

    for line in lines:
        run.write(line.encode())
    run.finish()
    said = {log_of(stream.rest()) for stream in streams}

    assert said == {"".join(lines) + PASSED}
