"""Rate limits that several processes count together."""
from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.installation import Api, Installation
from tests.e2e.processes import eventually, free_port, started
from tests.parts import need

READS = 6


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[str]:
    """The URL of a Redis of this test's own."""
    server, client = need("redis-server"), need("redis-cli")
    port = str(free_port())
    command = (server, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(tmp_path))
    with started(command, {}, tmp_path / "redis.log"):
        ping = [client, "-p", port, "ping"]
        eventually(lambda: b"PONG" in subprocess.run(ping, capture_output=True, check=False).stdout, "an answer of Redis")
        yield f"redis://127.0.0.1:{port}/0"


def test_processes_with_a_shared_store_count_a_tokens_requests_together(installation: Installation, redis: str) -> None:
    limits = {"CI_RATE_STORE": redis, "CI_RATE_READS": str(READS)}
    other = free_port()

    with installation.server(changes=limits), installation.server(changes=limits, port=other):
        both = (installation.api, Api(f"http://127.0.0.1:{other}", installation.token))
        statuses = [both[number % 2].ask("GET", "/api/v1/runs").status_code for number in range(READS)]
        refused = [each.ask("GET", "/api/v1/runs") for each in both]

    assert statuses == [200] * READS
    assert [each.status_code for each in refused] == [429, 429]
    assert [each.headers["X-RateLimit-Remaining"] for each in refused] == ["0", "0"]
