"""A server whose database goes away, or whose file store takes no more: it says so, and recovers by itself."""
from __future__ import annotations

import resource
from pathlib import Path

import httpx
import pytest

from api.storage.database import session
from api.storage.platform_tables import TestRow
from tests.databases import opened
from tests.e2e.installation import Installation
from tests.e2e.processes import eventually
from tests.mariadb import PrivateServer

ENOUGH = 4 << 20


def test_a_server_whose_database_is_killed_says_so_and_recovers_with_it(mariadb: PrivateServer, tmp_path: Path) -> None:
    url = mariadb.server.create_database().render_as_string(hide_password=False)
    with opened(url):
        pass
    installation = Installation(tmp_path, url)
    installation.fill()

    with installation.server() as server:
        run_id = installation.api.trigger()
        path = report_path(installation, run_id)
        mariadb.stop(kill=True)
        eventually(lambda: installation.api.health() == 503, "an unhealthy server")
        read = installation.api.ask("GET", "/api/v1/runs")
        reported = report(installation, path, {"type": "progress", "status": "preparation", "message": ""})
        mariadb.start()
        eventually(lambda: installation.api.health() == 200, "a healthy server")
        found = installation.api.get(f"/runs/{run_id}")

    assert (read.status_code, read.json()["code"]) == (503, "unavailable")
    assert reported.status_code == 503
    assert reported.headers["Content-Type"].startswith("text/plain")
    assert found["status"] == "queued"
    assert "Traceback" not in server.output()


@pytest.mark.verify
def test_a_file_that_the_store_cannot_take_is_refused_for_a_repeat_and_leaves_nothing(installation: Installation) -> None:
    with installation.server(prepare=take_no_large_file) as server:
        run_id = installation.api.trigger()
        path = report_path(installation, run_id)
        refused = report(installation, path, {"type": "logupload"}, b"x" * 2 * ENOUGH)
        taken = report(installation, path, {"type": "logupload"}, b"small enough")

    assert refused.status_code >= 500
    assert refused.headers["Content-Type"].startswith("text/plain")
    assert (taken.status_code, taken.text) == (200, "OK")
    assert (installation.files / "LogFiles" / f"{run_id}.txt").read_bytes() == b"small enough"
    assert list((installation.files / "TempFiles").iterdir()) == []
    assert str(installation.files) not in refused.text
    assert server.process.returncode is not None


def take_no_large_file() -> None:
    """Make every write beyond a size fail, as on a disk that is full; run in the server's process before it starts."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (ENOUGH, ENOUGH))


def report_path(installation: Installation, run_id: int) -> str:
    """Where the worker of a run reports."""
    with opened(installation.database_url, migrated=False):
        return f"/ci/progress-reporter/{run_id}/{session().get_one(TestRow, run_id).token}"


def report(installation: Installation, path: str, fields: dict[str, str], content: bytes | None = None) -> httpx.Response:
    """Send a worker's form."""
    files = None if content is None else {"file": ("log.txt", content)}
    return installation.api.ask("POST", path, data=fields, files=files)
