"""The stream of a job's log over real connections: what comes, when, and from where on."""
from __future__ import annotations

import json

import pytest

from api.domain.auth.access import Role, Scope
from api.domain.jobs.job import JobReason, end_message
from api.storage.database import transact
from api.storage.jobs.jobs import cancel_job
from tests.builders import NOW
from tests.e2e.processes import eventually
from tests.handlers.jobs.watched import PASSED, Watched
from tests.handlers.jobs.watching import log_of


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
    eventually(lambda: watched.follower.stream_count == 1, "the count of streams")
    run.write(b"two\n")
    left = streams[0].until("two\n")
    streams[0].close()
    eventually(lambda: watched.follower.stream_count == 0, "the count of streams")

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
