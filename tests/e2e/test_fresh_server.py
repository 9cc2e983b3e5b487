"""A server on an empty database, as it is started for the first time: it is well from its first answer on."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from api.storage.jobs.agents import list_agents
from tests.databases import opened
from tests.e2e.installation import Api
from tests.e2e.processes import CI_API, Running, eventually, finished, free_port, started
from tests.parts import need

ANSWERS = 20


def test_a_fresh_server_is_well_before_its_machine_runs_and_afterwards(tmp_path: Path) -> None:
    need("bwrap")
    port = free_port()
    url, database = f"http://127.0.0.1:{port}", f"sqlite:///{tmp_path / 'ci.db'}"
    variables = {
        "CI_DATABASE_URL": database, "SAMPLE_REPOSITORY": str(tmp_path / "files"), "CI_PUBLIC_URL": url,
        "CI_WORK_DIR": str(tmp_path / "work"), "CI_RATE_ANONYMOUS": "10000000"}
    finished((*CI_API, "migrate"), variables)
    seen: list[dict[str, Any]] = []

    with started((*CI_API, "serve", "--port", str(port)), variables, tmp_path / "log") as server:
        probes = eventually(lambda: probe(url, server), "a first answer")
        seen.append(Api(url).get("/system/health"))
        while not (agents := known_agents(database)) or len(seen) < ANSWERS:
            seen.append(Api(url).get("/system/health"))
        seen.append(Api(url).get("/system/health"))

    assert [each for each in seen if each["status"] != "ok"] == []
    assert (probes, agents) == ([200, 200], 1)
    assert "background_embedded_machine" in {each["name"] for each in seen[0]["dependencies"]}


def probe(url: str, server: Running) -> list[int] | None:
    """What liveness and readiness say; None while nobody answers."""
    assert server.process.poll() is None, server.output()
    try:
        return [httpx.get(f"{url}/{path}", trust_env=False, timeout=60).status_code for path in ("livez", "readyz")]
    except httpx.TransportError:
        return None


def known_agents(database: str) -> int:
    """How many agents have said that they live."""
    with opened(database, migrated=False):
        return len(list_agents())
