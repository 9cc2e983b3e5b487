"""A database that another process keeps locked: whoever wants to write hears so in good time, and may come again."""
from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.domain.auth.access import Role
from api.storage import database
from tests.builders import add_run
from tests.handlers.conftest import MakeSite

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
connection.execute("ROLLBACK")
"""


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Another process holds the lock for writing until the end of the context."""
    with subprocess.Popen(
            [sys.executable, "-c", HOLD, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin is not None and other.stdout is not None
        assert other.stdout.readline() == "held\n"
        yield


def test_a_write_is_refused_for_a_while_and_a_read_is_not(
    make_site: MakeSite, sqlite_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(database, "LOCK_TIMEOUT", 1)
    site = make_site()
    run_id, client = add_run(), site.as_role(Role.ADMIN)
    path = f"/api/v1/runs/{run_id}"
    client.get(path)
    with locked(sqlite_path):
        read, refused = client.get(path), client.post(f"{path}/cancel")

    again = client.post(f"{path}/cancel")

    assert (read.status_code, read.json()["status"]) == (200, "queued")
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert int(refused.headers["Retry-After"]) > 0
    assert again.status_code == 202
