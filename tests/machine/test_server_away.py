"""What a machine makes of a server that does not answer, or not now."""
from __future__ import annotations

import socket
import threading
from pathlib import Path

import httpx
import pytest

from api.domain.runs.machine import machine_token
from api.machine.file_cache import FileCache
from api.machine.machine_client import MachineClient, ServerUnavailable, TokenRefused, require
from api.machine.server_source import ServerRunSource
from api.worker.run_source import ClaimedRun, RunSourceUnavailable
from tests.builders import MAIN_REPOSITORY
from tests.machine.server_queue import COMMIT, QUICK


@pytest.mark.parametrize(("body", "headers", "asked", "is_full"), [
    ({"details": {"reason": "store_full"}}, {"Retry-After": "60"}, 60, True), ({"details": {}}, {"Retry-After": "5"}, 5, False),
    ({}, {"Retry-After": "Sun, 29 Nov 2026 10:00:20 GMT", "Date": "Sun, 29 Nov 2026 10:00:00 GMT"}, 20, False),
    ([], {"Retry-After": "Sun, 29 Nov 2026 09:00:00 GMT", "Date": "Sun, 29 Nov 2026 10:00:00 GMT"}, 0, False),
    ("text", {}, None, False), ({"details": None}, {"Retry-After": "soon"}, None, False), ({}, {"Retry-After": "-5"}, None, False),
    ({}, {"Retry-After": "Fri, 31 Dec 99999 23:59:59 GMT"}, None, False)])
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_a_server_that_cannot_take_a_report_now_says_when_and_why(
    tmp_path: Path, status: int, body: object, headers: dict[str, str], asked: float | None, is_full: bool,
) -> None:
    (tmp_path / "token").write_text("spcm_some")
    transport = httpx.MockTransport(lambda _: httpx.Response(status, json=body, headers=headers))
    with httpx.Client(transport=transport) as http:
        run_source = ServerRunSource(
            MachineClient(http, "http://server", tmp_path / "token"), FileCache(tmp_path, 1), threading.Event(), QUICK)

        with pytest.raises(RunSourceUnavailable) as away:
            run_source.report_results(ClaimedRun(1, "run-1-1", "linux", MAIN_REPOSITORY, COMMIT), [])

    assert (away.value.retry_after, away.value.is_full) == (asked, is_full)


@pytest.mark.parametrize("content", [b"", b"spci_a", b"spcm_a\nspcm_b", b"\xff\xfe", b"spcm_" + b"a" * 1000])
def test_a_file_that_holds_no_token_is_told_without_asking_anybody(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    with httpx.Client(trust_env=False) as http:
        nobody = MachineClient(http, "http://127.0.0.1:9", tmp_path / "token")

        with pytest.raises(TokenRefused, match="holds no machine's token"):
            nobody.identify()


def test_a_renewal_that_gets_no_answer_ends_in_time_for_another(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("spcm_some")
    with socket.create_server(("127.0.0.1", 0)) as silent, httpx.Client(trust_env=False, timeout=None) as http:
        client = MachineClient(http, f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path / "token")
        run_source = ServerRunSource(client, FileCache(tmp_path, 1), threading.Event(), QUICK, renew_timeout=0.1)

        with pytest.raises(RunSourceUnavailable, match="timed out"):
            run_source.renew(ClaimedRun(1, "run-1-1", "linux", MAIN_REPOSITORY, COMMIT))


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_what_a_network_or_a_busy_server_answers_may_be_asked_again(status: int) -> None:
    with pytest.raises(ServerUnavailable):
        require(httpx.Response(status))


def test_a_server_that_is_away_is_told_from_an_empty_queue(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(machine_token(b"t" * 32))
    with httpx.Client(trust_env=False) as http:
        away = MachineClient(http, "http://127.0.0.1:9", tmp_path / "token")
        run_source = ServerRunSource(away, FileCache(tmp_path, 1), threading.Event(), QUICK)

        with pytest.raises(RunSourceUnavailable):
            run_source.claim()
