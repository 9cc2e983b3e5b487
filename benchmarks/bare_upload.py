"""The yardstick of submissions: a Starlette program that puts a body on the disk, durably, and answers."""
from __future__ import annotations

import argparse
import os
from pathlib import Path
from uuid import uuid4

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


def make_app(folder: Path) -> Starlette:
    """The application that keeps bodies in the folder."""
    async def submit(request: Request) -> JSONResponse:
        name = str(uuid4())
        with (folder / name).open("wb") as file:
            async for chunk in request.stream():
                await run_in_threadpool(file.write, chunk)
            file.flush()
            await run_in_threadpool(os.fsync, file.fileno())
        return JSONResponse({"job_id": name})

    async def health(_: Request) -> JSONResponse:
        return JSONResponse({})

    return Starlette(routes=[Route("/submit-async", submit, methods=["POST"]), Route("/health", health)])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    uvicorn.run(make_app(arguments.folder), host="127.0.0.1", port=arguments.port, access_log=False, log_config=None)
