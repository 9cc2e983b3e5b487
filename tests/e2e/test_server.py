"""The server's processes: refused starts, several processes, and stops."""
from __future__ import annotations

import resource
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.e2e.installation import Api, Installation
from tests.e2e.processes import CI_API, eventually, finished, free_port, is_alive, started

SECRET = "hunter2-is-secret"


def test_a_server_without_a_migration_says_so_in_one_line(tmp_path: Path) -> None:
    variables = {"CI_DATABASE_URL": f"sqlite:///{tmp_path / 'ci.db'}", "SAMPLE_REPOSITORY": str(tmp_path / "files")}

    refused = finished((*CI_API, "serve"), variables)

    assert refused.returncode == 2
    assert refused.stderr == "ci-api: The database lacks a migration: run `ci-api migrate` first.\n"


@pytest.mark.parametrize("command", [(*CI_API, "serve"), (*CI_API, "machines", "list"), (*CI_API, "migrate")], ids=lambda c: c[3])
def test_a_wrong_variable_is_named_in_one_line_without_its_secret(command: tuple[str, ...]) -> None:
    refused = finished(command, {"CI_DATABASE_URL": f"mysql+nothing://ci:{SECRET}@localhost/ci"})

    assert refused.returncode == 2
    assert refused.stderr == "ci-api: CI_DATABASE_URL: must be sqlite:///FILE or mysql+pymysql://USER:PASSWORD@HOST/NAME.\n"


def test_the_application_object_names_a_wrong_variable_without_its_secret(installation: Installation) -> None:
    variables = {**installation.variables, "CI_RATE_STORE": f"http://:{SECRET}@localhost"}

    refused = finished((sys.executable, "-m", "uvicorn", "api.asgi:app", "--lifespan", "on"), variables)

    assert refused.returncode == 1
    assert "ci-api: CI_RATE_STORE: must be memory://, or redis://HOST:PORT/0." in refused.stderr
    assert SECRET not in refused.stderr


def test_a_server_whose_database_is_away_at_the_start_waits_for_it_and_says_so(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    variables = {
        "CI_DATABASE_URL": f"mysql+pymysql://ci:{SECRET}@localhost/ci?unix_socket={tmp_path / 'none'}",
        "SAMPLE_REPOSITORY": str(tmp_path / "files"), "CI_JOBS": "off"}

    with started((*CI_API, "serve", "--port", str(port)), variables, log) as server:
        status = eventually(Api(f"http://127.0.0.1:{port}").health, "an answer")

    assert status == 503
    assert "The database does not answer; check CI_DATABASE_URL, and that the server behind it runs." in server.output()
    assert SECRET not in server.output()


def test_a_server_may_have_as_many_connections_as_the_host_allows(installation: Installation) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]

    with installation.server(prepare=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))) as server:
        soft, _ = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)

    assert soft == (65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536))


@pytest.mark.verify
def test_several_processes_serve_one_port_and_end_together(installation: Installation) -> None:
    with installation.server("--workers", "2") as server:
        family = server.family()
        answers = [installation.api.get("/runs")["pagination"]["total"] for _ in range(10)]
        server.stop()

    assert len(family) >= 3
    assert answers == [0] * 10
    eventually(lambda: not any(is_alive(pid) for pid in family), "the end of all of them")


@pytest.mark.verify
def test_uvicorn_serves_the_application_object_with_several_processes(installation: Installation) -> None:
    command = (
        sys.executable, "-m", "uvicorn", "ci_server.app:app", "--lifespan", "on", "--workers", "2", "--port", str(installation.port))

    with installation.answering(command, installation.port) as server:
        family = server.family()
        answers = [installation.api.get("/runs")["pagination"]["total"] for _ in range(10)]
        server.stop()

    assert answers == [0] * 10
    eventually(lambda: not any(is_alive(pid) for pid in family), "the end of all of them")


def test_a_server_that_is_to_end_answers_whoever_waits_for_a_run(installation: Installation) -> None:
    with installation.server() as server, ThreadPoolExecutor(1) as client:
        run_id = installation.api.trigger()
        answer = client.submit(_wait, f"{installation.url}/api/v1/runs/{run_id}", installation.token)
        eventually(lambda: _connections(server.pid) > 0, "the open request")
        status = server.stop()

    assert status in (0, -signal.SIGTERM)
    assert answer.result() == 200
    assert "Traceback" not in server.output()


def _wait(url: str, token: str) -> int | None:
    """Wait for a run; the answer's status, None where the connection was cut before there was one."""
    headers = {"Authorization": f"Bearer {token}"}
    try:
        return httpx.get(url, params={"wait": 60}, headers=headers, timeout=120, trust_env=False).status_code
    except httpx.TransportError:
        return None


def _connections(pid: int) -> int:
    listed = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
    sockets = {fd.readlink().name for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()}
    established = [line.split() for line in listed]
    return sum(fields[3] == "01" and f"socket:[{fields[9]}]" in sockets for fields in established)
