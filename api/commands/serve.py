"""`ci-api serve`: runs the server."""
from __future__ import annotations

import argparse
import gc
import os
import resource
from dataclasses import replace
from typing import Any

import uvicorn

from api.commands.database import needed_database
from api.config import Settings
from api.installation import configure_server_logging
from api.job_service import refuse_beyond_loopback
from api.server import make_server
from api.specfirst.transport.http_protocol import BoundedHttp

GRACE_SECONDS = 3
MAX_OPEN_FILES = 65_536


def add(commands: Any) -> None:
    """Describe the command."""
    parser = commands.add_parser("serve", help="run the server", description="Run the HTTP server until it is told to stop.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=port, default=8000, help="port to listen on (default: %(default)s)")
    parser.add_argument("--workers", type=count, default=1, help="number of processes (default: %(default)s)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    refuse_beyond_loopback(settings, arguments.host)
    configure_server_logging(settings)
    allow_open_files()
    settings = replace(settings, machine_server=settings.machine_server or own_address(arguments.host, arguments.port))
    # Further processes read their settings anew.
    os.environ["CI_MACHINE_SERVER"] = settings.machine_server
    # Making it here first shows what is wrong with the settings as one line, not as a traceback of a child process.
    with needed_database():
        made = make_server(settings, looks_first=True)
    app: Any = "api.asgi:app" if arguments.workers > 1 else made
    # What was made at the start is never garbage, so that no collection need look at it again.
    gc.freeze()
    # Clients' addresses behind proxies are worked out by our own middleware, and paths, which may hold a worker's
    # token, are never logged: so uvicorn does neither. Open streams do not hold up a stop.
    uvicorn.run(
        app, host=arguments.host, port=arguments.port, workers=arguments.workers, lifespan="on", http=BoundedHttp, ws="none",
        access_log=False, proxy_headers=False, server_header=False, date_header=True, log_config=None,
        timeout_graceful_shutdown=GRACE_SECONDS)
    return 0


def own_address(host: str, number: int) -> str:
    """Where this server is reached from its own host."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{reached}]:{number}" if ":" in reached else f"http://{reached}:{number}"


def allow_open_files() -> None:
    """Raise this process's limit of open files as far as the host allows. The usual 1024 are too few for many streams."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def port(text: str) -> int:
    """Parse a port, 1 to 65535, from the command line."""
    return _within(text, 1, 65_535)


def count(text: str) -> int:
    """Parse a number of processes, 1 to 1000, from the command line."""
    return _within(text, 1, 1_000)


def _within(text: str, least: int, most: int) -> int:
    number = int(text) if text.isascii() and text.isdigit() else 0
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(f"must be a number from {least} to {most}")
    return number
