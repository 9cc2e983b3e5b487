"""The yardstick for workers' reports: each post's statements, as recorded, and the same one word for an answer."""
from __future__ import annotations

import argparse
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from benchmarks.bare import PRAGMAS

Statements = list[tuple[str, Any]]


def make_app(recording: Path) -> Starlette:
    """The application for one recorded run; its posts come in the recorded order."""
    recorded = json.loads(recording.read_text())
    connection = sqlite3.connect(recorded["database"], isolation_level=None, check_same_thread=False)
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    posts: Iterator[Statements] = iter(recorded["posts"])

    def replay(statements: Statements) -> None:
        cursor = connection.cursor()
        for text, values in statements:
            if values and isinstance(values[0], list):
                cursor.executemany(text, values)
            else:
                cursor.execute(text, values)
            cursor.fetchall()
        cursor.close()

    async def take(request: Request) -> PlainTextResponse:
        async with request.form():
            await run_in_threadpool(replay, next(posts))
        return PlainTextResponse("OK")

    async def ready(_: Request) -> PlainTextResponse:
        return PlainTextResponse("False")

    return Starlette(routes=[
        Route("/ci/progress-reporter/{run_id}/{token}", take, methods=["POST"]), Route("/maintenance-mode/{platform}", ready)])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recording", type=Path)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    uvicorn.run(
        make_app(arguments.recording), host="127.0.0.1", port=arguments.port, lifespan="on", access_log=False,
        proxy_headers=False, server_header=False, date_header=True, log_config=None, timeout_graceful_shutdown=3)
