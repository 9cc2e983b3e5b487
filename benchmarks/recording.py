"""Requests to the real application, written down: the statements that they execute, and the bytes that are sent."""
from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event
from starlette.testclient import TestClient

from api.config import Settings
from api.server import make_server
from benchmarks.posting import Post
from benchmarks.seeding import Seeded

Statements = list[tuple[str, Any]]


@contextmanager
def _recorded() -> Iterator[Statements]:
    """All statements that are executed meanwhile, with those that begin and end transactions."""
    statements: Statements = []

    def executed(_connection: Any, _cursor: Any, text: str, values: Any, *_: Any) -> None:
        statements.append((text, values))

    def ended(word: str) -> Callable[[Connection], None]:
        # What only reads has no transaction; a writer's BEGIN is a statement as any other.
        return lambda connection: statements.append((word, ())) if connection.get_execution_options().get("ci_writes") else None

    listeners: dict[str, Callable[..., Any]] = {
        "before_cursor_execute": executed, "rollback": ended("ROLLBACK"), "commit": ended("COMMIT")}
    for name, listener in listeners.items():
        event.listen(Engine, name, listener)
    try:
        yield statements
    finally:
        for name, listener in listeners.items():
            event.remove(Engine, name, listener)


def _client(environment: Mapping[str, str], **options: Any) -> tuple[TestClient, Settings]:
    settings = Settings.from_environment({**environment, "CI_SYNC_INTERVAL": "100000"})
    return TestClient(make_server(settings), **options), settings


def record(seeded: Seeded, path: str, into: Path) -> int:
    """Record a GET of a path; returns how many statements it executes."""
    client, settings = _client(seeded.environment, headers={"Authorization": f"Bearer {seeded.token}"})
    # What happens only once per process is over after the first request.
    client.get(path).raise_for_status()
    with _recorded() as statements:
        answer = client.get(path)
    into.write_text(json.dumps({
        "database": str(seeded.database), "path": path.partition("?")[0], "statements": statements,
        "headers": {name: value for name, value in answer.headers.items() if name != "content-length"},
        "body": answer.text, "base": f"{settings.public_url}/api/v1"}))
    return len(statements)


def record_posts(environment: Mapping[str, str], folder: Path, path: str, posts: Sequence[Post]) -> Path:
    """Record a worker's posts; the database as it was before them is kept for the replay, in `folder/bare`."""
    (folder / "bare" / "files" / "TestResults").mkdir(parents=True)
    with closing(sqlite3.connect(folder / "ci.db")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(folder / "ci.db", folder / "bare" / "ci.db")
    client, _ = _client(environment)
    recorded = []
    for post in posts:
        with _recorded() as statements:
            answer = client.post(path, content=post.body, headers={"Content-Type": post.content_type})
        if answer.text != "OK":
            raise SystemExit(f"{post.body!r} is answered {answer.text}")
        recorded.append(statements)
    recording = folder / "recording.json"
    recording.write_text(json.dumps({"database": str(folder / "bare" / "ci.db"), "posts": recorded}))
    return recording
