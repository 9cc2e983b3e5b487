"""What is counted of requests on their way through the server."""
from __future__ import annotations

import asyncio
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from starlette.types import Message, Receive, Scope, Send

from api.app import Application
from api.domain.metrics import QueueMetrics
from api.specfirst.responses.metrics import RequestMetrics
from api.specfirst.responses.open_stream import StreamResponse
from tests.builders import NOW
from tests.specfirst.asking import ask
from tests.specfirst.conftest import ADMIN, Make

NOTHING = QueueMetrics(NOW, {}, {}, {}, 0, None, (), (), 0, {})


def measures_of(app: Application) -> RequestMetrics:
    found: RequestMetrics = app.app_context.collaborators[RequestMetrics]
    return found


def series(app: Application, name: str) -> dict[tuple[tuple[str, str], ...], float]:
    """The values of a metric by its labels, the process left out."""
    text = measures_of(app).text(NOTHING).decode()
    return {
        tuple(sorted((key, value) for key, value in sample.labels.items() if key != "process")): sample.value
        for family in text_string_to_metric_families(text) for sample in family.samples if sample.name == name}


def test_an_answer_is_counted_under_its_operation_and_the_first_digit_of_its_status(make: Make) -> None:
    app = make()

    ask(app, "/api/v1/things/7", token=ADMIN)
    ask(app, "/api/v1/things/4711", token=ADMIN)
    ask(app, "/api/v1/crash", token=ADMIN)
    ask(app, "/no-such-path")

    counted = {(dict(labels)["operation"].rpartition(".")[2], dict(labels)["status"]): value
               for labels, value in series(app, "ci_request_seconds_count").items()}
    assert counted == {("get_thing", "2xx"): 1, ("get_thing", "4xx"): 1, ("crash", "5xx"): 1, ("none", "4xx"): 1}


def test_every_series_says_of_which_process_it_is() -> None:
    one = RequestMetrics("4711")
    one.answered("a.b", "GET", 200, 0.1)
    one.refused("reads")
    one.stream_began("a.b")

    text = one.text(NOTHING).decode()

    lines = [line for line in text.splitlines() if line.startswith(("ci_request_seconds", "ci_rate_limit_refusals", "ci_stream_clients"))]
    assert lines and all('process="4711"' in line for line in lines)


def test_methods_that_clients_make_up_share_one_series() -> None:
    one = RequestMetrics("1")
    for method in ("MADE", "UP", "GET"):
        one.answered(None, method, 404, 0.1)

    lines = [line for line in one.text(NOTHING).decode().splitlines() if line.startswith("ci_request_seconds_count")]

    assert [('method="other"' in line, line.endswith(" 2.0")) for line in lines] == [(True, True), (False, False)]


def test_what_is_written_has_no_times_of_creation() -> None:
    one = RequestMetrics("1")
    one.answered(None, "GET", 404, 0.1)
    one.refused("reads")

    assert "_created" not in one.text(NOTHING).decode()


def scope_of(path: str) -> dict[str, Any]:
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http", "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": [], "client": ("203.0.113.7", 50000),
        "server": ("things.example", 80)}


def served(app: Application, inner: Any) -> Any:
    """The application's outermost part around another program."""
    outermost = app.entrance
    outermost._app = inner  # type: ignore[attr-defined]
    return outermost


async def never() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def nowhere(message: Message) -> None:
    """Take what is sent."""


def test_a_client_of_a_stream_is_counted_as_long_as_it_follows(make: Make) -> None:
    app = make()
    during: list[float] = []

    class Following:
        async def run(self, receive: Receive, send: Send) -> None:
            during.extend(series(app, "ci_stream_clients").values())
            await send({"type": "http.response.body", "body": b""})

    asyncio.run(served(app, StreamResponse(Following(), {}))(scope_of("/"), never, nowhere))

    assert (during, list(series(app, "ci_stream_clients").values())) == ([1], [0])


def test_a_client_of_a_stream_that_is_torn_off_is_counted_no_more(make: Make) -> None:
    app = make()

    class Torn:
        async def run(self, receive: Receive, send: Send) -> None:
            raise asyncio.CancelledError

    async def run() -> None:
        await asyncio.gather(served(app, StreamResponse(Torn(), {}))(scope_of("/"), never, nowhere), return_exceptions=True)

    asyncio.run(run())

    assert list(series(app, "ci_stream_clients").values()) == [0]


def test_a_request_that_was_left_before_its_answer_is_counted_as_such(make: Make) -> None:
    app = make()

    async def silent(scope: Scope, receive: Receive, send: Send) -> None:
        """Answer nothing."""

    asyncio.run(served(app, silent)(scope_of("/"), never, nowhere))

    assert [dict(labels)["status"] for labels in series(app, "ci_request_seconds_count")] == ["4xx"]
