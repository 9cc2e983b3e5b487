"""Reports to a real server: their form on the wire, their repeats, their end."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api.worker.reporter import Answer, Artifact, Reporter, Retries, RunClosed, ServerUnreachable
from tests.worker.inputs import TOKEN
from tests.worker.stand_in import Post, Reply, StandIn


class Clock:
    """Time that passes only where the reporter waits."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reporter(server: StandIn, clock: Clock) -> Iterator[Reporter]:
    with httpx.Client(trust_env=False) as client:
        yield Reporter(
            client, server.url, 7, TOKEN, retries=Retries(timeout=100, first_pause=1, max_pause=8), pause=clock.pause,
            monotonic=clock.monotonic, random_fraction=lambda: 1.0)


def failing(times: int, reply: Reply) -> Iterator[Reply | None]:
    yield from [reply] * times
    while True:
        yield None


def script(server: StandIn, replies: Iterator[Reply | None]) -> None:
    server.script = lambda post: next(replies)


def test_each_report_has_the_fields_of_the_protocol(server: StandIn, reporter: Reporter, tmp_path: Path) -> None:
    file = tmp_path / "out.srt"
    file.write_bytes(b"\x00captions")

    reporter.progress("testing", "a, b & c\nd")
    reporter.equality(1, 2)
    reporter.upload(1, 3, file)
    reporter.finish(1, -11, 250)
    reporter.send_log(file)
    reporter.send_log(file, 1)
    reporter.send_artifact(Artifact.BINARY, file)

    where = f"/ci/progress-reporter/7/{TOKEN}"
    assert server.posts == [
        Post(where, {"type": "progress", "status": "testing", "message": "a, b & c\nd"}),
        Post(where, {"type": "equality", "test_id": "1", "test_file_id": "2"}),
        Post(where, {"type": "upload", "test_id": "1", "test_file_id": "3"}, b"\x00captions", "out.srt"),
        Post(where, {"type": "finish", "test_id": "1", "exitCode": "-11", "runTime": "250"}),
        Post(where, {"type": "logupload"}, b"\x00captions", "out.srt"),
        Post(where, {"type": "logupload", "test_id": "1"}, b"\x00captions", "out.srt"),
        Post(where, {"type": "artifactupload", "artifact_type": "binary"}, b"\x00captions", "out.srt"),
    ]


def test_a_message_is_cut_to_what_the_server_keeps(server: StandIn, reporter: Reporter) -> None:
    reporter.progress("testing", "ü" * 600)

    assert server.posts[0].fields["message"] == "ü" * 500


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_failing_server_is_asked_again_after_growing_pauses(
    server: StandIn, reporter: Reporter, clock: Clock, status: int,
) -> None:
    script(server, failing(5, (status, "oops", {})))

    reporter.finish(1, 0, 5)

    assert clock.pauses == [1, 2, 4, 8, 8]
    assert server.briefs() == ["finish 1 0"]


def test_a_limit_is_waited_for_as_long_as_the_server_says(server: StandIn, reporter: Reporter, clock: Clock) -> None:
    script(server, failing(1, (429, "slow down", {"Retry-After": "17"})))

    reporter.equality(1, 2)

    assert clock.pauses == [17]


@pytest.mark.parametrize(("asked", "waited"), [
    ("17", 17), ("0", 1), ("170", 100), ("9" * 400, 100), ("9" * 5000, 100), ("-5", 1), ("soon", 1), ("", 1), ("٣", 1),
    ("Sun, 29 Nov 2026 10:00:20 GMT", 20), ("Sun, 29 Nov 2026 09:00:00 GMT", 1), ("Fri, 31 Dec 9999 23:59:59 GMT", 100),
    ("Fri, 31 Dec 99999 23:59:59 GMT", 1)])
def test_what_a_server_asks_for_is_waited_within_the_timeout_and_then_it_is_asked_again(asked: str, waited: float) -> None:
    clock, replies = Clock(), [httpx.Response(503, headers={
        "Retry-After": asked.encode(), "Date": "Sun, 29 Nov 2026 10:00:00 GMT"}), httpx.Response(200, text="OK")]  # type: ignore[dict-item]
    transport = httpx.MockTransport(lambda request: replies.pop(0))

    with httpx.Client(transport=transport) as client:
        Reporter(
            client, "http://server", 7, TOKEN, retries=Retries(timeout=100, first_pause=1, max_pause=8), pause=clock.pause,
            monotonic=clock.monotonic, random_fraction=lambda: 1.0).finish(1, 0, 5)

    assert clock.pauses == [waited]


def test_a_server_that_always_asks_for_more_time_is_given_up_once_that_is_used_up(
    server: StandIn, reporter: Reporter, clock: Clock,
) -> None:
    server.script = lambda post: (503, "", {"Retry-After": "170"})

    with pytest.raises(ServerUnreachable):
        reporter.finish(1, 0, 5)

    assert clock.pauses == [100] * 37


def test_an_upload_is_repeated_whole(server: StandIn, reporter: Reporter, tmp_path: Path) -> None:
    script(server, failing(2, (503, "", {})))
    file = tmp_path / "big"
    file.write_bytes(bytes(300_000))

    reporter.upload(1, 2, file)

    assert server.posts[0].file == bytes(300_000)


def test_a_server_that_is_gone_and_comes_back_gets_the_report(server: StandIn, reporter: Reporter, clock: Clock) -> None:
    server.stop()
    waited = clock.pause

    def pause(seconds: float) -> None:
        waited(seconds)
        if len(clock.pauses) == 3:
            server.start()

    reporter._pause = pause

    reporter.finish(1, 0, 5)

    assert server.briefs() == ["finish 1 0"]


def test_a_server_that_stays_away_is_given_up(server: StandIn, reporter: Reporter, clock: Clock) -> None:
    server.stop()

    with pytest.raises(ServerUnreachable, match=r"^\[web_server\] "):
        reporter.finish(1, 0, 5)

    assert 80 < clock.now <= 100


@pytest.mark.parametrize("reply", [(403, "FAIL", {}), (200, "FAIL", {})])
def test_a_run_that_is_over_is_told_at_once(server: StandIn, reporter: Reporter, clock: Clock, reply: Reply) -> None:
    server.script = lambda post: reply

    with pytest.raises(RunClosed):
        reporter.progress("testing", "")

    assert clock.pauses == []


@pytest.mark.parametrize(("reply", "answer"), [
    ((200, "EMPTY", {}), Answer.EMPTY), ((200, "FAIL", {}), Answer.FAIL),
    ((413, "too large", {}), Answer.REFUSED), ((400, "FAIL", {}), Answer.REFUSED),
])
def test_an_upload_that_is_not_taken_is_not_repeated(
    server: StandIn, reporter: Reporter, tmp_path: Path, reply: Reply, answer: Answer,
) -> None:
    server.script = lambda post: reply
    (tmp_path / "out").write_bytes(b"x")

    assert reporter.upload(1, 2, tmp_path / "out") is answer
