"""The yardstick: a Starlette program that executes the same statements with the same driver and sends the same bytes."""
from __future__ import annotations

import argparse
import json
import sqlite3
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=15000")
PARTS = {
    "summary": "summary", "triage": "triage", "compare": "compare", "progress": "progress", "config": "config", "samples": "samples",
    "errors": "errors", "infrastructure_errors": "infrastructure-errors", "logs": "logs", "artifacts": "artifacts", "junit": "junit.xml"}
# How the answer is made: as Starlette does it, with a faster encoder, or not at all, since it is known beforehand.
JSON, ORJSON, KEPT = "json", "orjson", "kept"
Rows = Sequence[Sequence[Any]]


class Replay:
    """A request's statements, executed one after the other on the thread's own connection, all rows fetched."""

    def __init__(self, database: str, statements: list[tuple[str, list[Any]]]) -> None:
        self._database, self._statements = database, [(text, tuple(values)) for text, values in statements]
        self._of_thread = threading.local()

    def __call__(self) -> list[Rows]:
        """Execute all statements; the rows of those that give any."""
        cursor = self._connection().cursor()
        found: list[Rows] = []
        for text, values in self._statements:
            cursor.execute(text, values)
            rows = cursor.fetchall()
            if rows:
                found.append(rows)
        cursor.close()
        return found

    def _connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._of_thread, "connection", None)
        if found is None:
            found = self._of_thread.connection = sqlite3.connect(self._database, isolation_level=None)
            for pragma in PRAGMAS:
                found.execute(f"PRAGMA {pragma}")
        return found


def page_of(rows: Rows, total: int, base: str) -> dict[str, Any]:
    """The page of runs that the rows make, put together by hand."""
    shown = rows[:50]
    return {
        "data": [run_of(row, base) for row in shown],
        "pagination": {
            "limit": 50, "offset": 0, "total": total, "next_offset": 50 if total > 50 else None, "next_cursor": None}}


def run_of(row: Sequence[Any], base: str) -> dict[str, Any]:
    """A run of a row, in the columns' order."""
    (run_id, status, platform, github, branch, commit, pull_request, created_at, _, started_at, completed_at, _, name,
     environment_id, source_run_id, replaced_by, reason, parent_sha, merge_base_sha, build_duration_ms, errors, *_) = row
    created, started, completed = instant(created_at), instant(started_at), instant(completed_at)
    own = f"{base}/runs/{run_id}"
    over = status not in ("queued", "running")
    took = round((datetime.fromisoformat(completed_at) - datetime.fromisoformat(started_at)).total_seconds() * 1000) \
        if completed_at and started_at else None
    return {
        "repository": github.removeprefix("https://github.com/").removesuffix(".git"), "branch": branch, "commit_sha": commit,
        "triggered_by": name, "run_id": run_id, "status": status, "commit_short": commit[:7], "pull_request": pull_request,
        "platform": platform, "run_errors": "yes" if errors else "no" if over else "unknown", "created_at": created,
        "queued_at": created, "started_at": started, "completed_at": completed, "duration_ms": took,
        "source_run_id": source_run_id, "replaced_by": replaced_by, "environment_id": environment_id, "reason": reason,
        "parent_sha": parent_sha, "merge_base_sha": merge_base_sha, "build_duration_ms": build_duration_ms,
        "links": {"self": own, **{name: f"{own}/{part}" for name, part in PARTS.items()}}}


def instant(text: str | None) -> str | None:
    """An instant as the API spells it."""
    return None if text is None else text.removesuffix(".000000").replace(" ", "T") + "Z"


def make_app(recording: Path, way: str) -> Starlette:
    """The application for what was recorded of the real server: database, statements, path, headers and body."""
    recorded = json.loads(recording.read_text())
    replay = Replay(recorded["database"], recorded["statements"])
    headers, kept, base = recorded["headers"], recorded["body"].encode(), recorded["base"]

    def from_rows() -> dict[str, Any]:
        *_, totals, rows = replay()
        return page_of(rows, totals[0][0], base)

    def encoded() -> bytes:
        return orjson.dumps(from_rows())

    answers: dict[str, Callable[[], Response]] = {
        JSON: lambda: JSONResponse(from_rows(), headers=headers),
        ORJSON: lambda: Response(encoded(), headers=headers),
        KEPT: lambda: (replay(), Response(kept, headers=headers))[1]}
    make = answers[way]
    if make().body != kept:
        raise SystemExit("The bytes are not the same.")

    async def answer(_: Request) -> Response:
        return await run_in_threadpool(make)

    return Starlette(routes=[Route(recorded["path"], answer)])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recording", type=Path)
    parser.add_argument("--answer", choices=[JSON, ORJSON, KEPT], default=JSON)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    uvicorn.run(
        make_app(arguments.recording, arguments.answer), host="127.0.0.1", port=arguments.port, lifespan="on", access_log=False,
        proxy_headers=False, server_header=False, date_header=True, log_config=None, timeout_graceful_shutdown=3)
