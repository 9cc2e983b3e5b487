"""A machine and what answers it in the server's place: proxies, servers of other versions, and answers that broke off."""
from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.domain.jobs.artifact_limit import ArtifactLimit
from api.domain.runs.machine import ClaimState
from api.machine.job_client import JobClient
from api.machine.machine_client import NotThere, Refused, ServerUnavailable

CLAIM = "run-1-1"
PAGE = b"<html><body>Please log in.</body></html>"
HELD = {"claims": [{"claim": CLAIM, "state": "held"}], "lease_seconds": 60.0}
Ask = Callable[[JobClient, Path], Any]
Answering = Callable[[httpx.Response], JobClient]

READS: dict[str, Ask] = {
    "identify": lambda client, _: client.identify(),
    "claim": lambda client, _: client.claim("s", [], 0),
    "renew": lambda client, _: client.renew([CLAIM]),
    "log": lambda client, _: client.append_log(CLAIM, 0, b"x"),
    "tests": lambda client, _: client.tests(CLAIM),
    "executable": lambda client, _: client.executable(CLAIM),
    "held": lambda client, _: client.held()}
TELLS: dict[str, Ask] = {
    "end": lambda client, _: client.end(CLAIM, {}),
    "progress": lambda client, _: client.report_progress(CLAIM, {}),
    "results": lambda client, _: client.report_results(CLAIM, []),
    "file": lambda client, file: client.send_file(CLAIM, "run-files/coredump", file)}
EVERYTHING = pytest.mark.parametrize("ask", [*READS.values(), *TELLS.values()], ids=[*READS, *TELLS])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file to send."""
    path = tmp_path / "file"
    path.write_bytes(b"content")
    return path


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[Answering]:
    """Makes a client that is answered so, whatever it asks."""
    token = tmp_path / "token"
    token.write_text("spcm_some")
    with ExitStack() as stack:
        def make(response: httpx.Response) -> JobClient:
            http = stack.enter_context(httpx.Client(transport=httpx.MockTransport(lambda _: response)))
            return JobClient(http, "http://server", token)

        yield make


@EVERYTHING
@pytest.mark.parametrize("response", [
    httpx.Response(200, content=PAGE), httpx.Response(302, headers={"Location": "/login"}), httpx.Response(404, content=PAGE),
    httpx.Response(403, content=PAGE), httpx.Response(404, json=["nothing"]), httpx.Response(503, content=PAGE),
    httpx.Response(200, content=b"\xff\xfe"), httpx.Response(200, content=b"x", headers={"Content-Encoding": "gzip"})],
    ids=["page", "redirect", "page-404", "page-403", "list-404", "page-503", "bytes", "damaged"])
def test_what_is_no_answer_of_the_servers_is_an_outage(answering: Answering, file: Path, ask: Ask, response: httpx.Response) -> None:
    with pytest.raises(ServerUnavailable):
        ask(answering(httpx.Response(response.status_code, content=response.stream, headers=response.headers)), file)


@pytest.mark.parametrize("ask", READS.values(), ids=READS.keys())
@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"{}", b'{"claim": [], "lease_seconds": 60}', b'{"work": '])
def test_an_answer_that_breaks_off_or_says_something_else_is_an_outage(answering: Answering, file: Path, ask: Ask, content: bytes) -> None:
    with pytest.raises(ServerUnavailable):
        ask(answering(httpx.Response(200, content=content)), file)


@EVERYTHING
def test_a_refusal_of_the_servers_is_one(answering: Answering, file: Path, ask: Ask) -> None:
    refusal = {"code": "not_found", "message": "Claim not found.", "details": {}}

    with pytest.raises(NotThere):
        ask(answering(httpx.Response(404, json=refusal)), file)
    with pytest.raises(Refused):
        ask(answering(httpx.Response(400, json=refusal | {"code": "validation_error"})), file)


def test_a_file_that_is_too_large_for_a_proxy_is_left_out(answering: Answering, file: Path) -> None:
    client = answering(httpx.Response(413, content=PAGE))

    assert client.send_artifact("job-1", "a" * 64, file) is ArtifactLimit.FILE_SIZE
    with pytest.raises(Refused):
        client.send_file(CLAIM, "run-files/coredump", file)


@pytest.mark.parametrize(("said", "kept"), [
    ({}, 0), ({"report_seconds": 2.5}, 2.5), ({"report_seconds": 1e308}, 15), ({"report_seconds": -1}, 0),
    ({"report_seconds": float("nan")}, 0), ({"report_seconds": float("inf")}, 15)], ids=str)
def test_however_seldom_a_server_would_have_reports_claims_are_renewed_in_time(
    answering: Answering, said: Mapping[str, float], kept: float,
) -> None:
    client = answering(httpx.Response(200, content=json.dumps(HELD | said)))

    assert client.renew([CLAIM]) == ({CLAIM: ClaimState.HELD}, 60)
    assert client.report_seconds == kept
