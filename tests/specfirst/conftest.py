"""The application of these tests: three documents of their own, a clock that stands still, tokens that say what they may."""
from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from api.app import Application, create_app
from api.config import Settings
from api.domain.auth.access import Caller, Role, Scope
from api.specfirst.binding.documents import Document
from tests.clocks import Clock
from tests.parts import need

HERE = Path(__file__).parent
THINGS = Document("things", "Things", HERE / "document.yaml", "/api/v1", ("/api/v1/openapi.json", "/openapi.json"))
WORKERS = Document("workers", "Workers", HERE / "workers.yaml", "", ("/openapi-worker.json",))
JOBS = Document("jobs", "Jobs", HERE / "jobs.yaml", "", ("/openapi-jobs.json",))

RUN_TOKEN = "R" * 64
UNLIMITED = 10_000_000


def token_for(role: Role, *scopes: Scope, number: int = 1) -> str:
    """A token that the application of these tests knows."""
    return "~".join([str(number), role.value, *(scope.value.replace(":", ".") for scope in scopes)])


def authenticate(token: str) -> Caller | None:
    """The caller that a token speaks of; the database is down for one of them."""
    if token == "database-is-down":
        raise ConnectionError("no route to mysql://root:hunter2@db")
    number, *rest = token.split("~")
    if not number.isdigit() or not rest:
        return None
    scopes = frozenset(Scope(scope.replace(".", ":")) for scope in rest[1:])
    return Caller(int(number) + 100, "ada", "ada@example.org", Role(rest[0]), scopes, int(number))


ADMIN = token_for(Role.ADMIN, *Scope)
CONFIGURED = (
    "connexion", "alembic", "uvicorn", "uvicorn.error", "uvicorn.access", "gunicorn.access", "granian.access", "httpx", "httpcore")
Make = Callable[..., Application]


def make_application(**changes: Any) -> Application:
    """An application; limits are out of the way unless they are set, and so is every other setting that is not named."""
    settings = {
        "rate_reads": UNLIMITED, "rate_writes": UNLIMITED, "rate_logins": UNLIMITED, "rate_anonymous": UNLIMITED,
        "rate_worker": UNLIMITED, "threads": 4, "max_upload": 40_000, "public_url": "https://ci.example",
        **{name: value for name, value in changes.items() if name in Settings.__dataclass_fields__}}
    others = {name: value for name, value in changes.items() if name not in Settings.__dataclass_fields__}
    numbers = count(1)
    collaborators: dict[str, Any] = {
        "authenticate": authenticate, "run_token_known": lambda run_id, token: token == RUN_TOKEN, "clock": Clock(),
        "new_request_id": lambda: f"request-{next(numbers)}", "documents": (THINGS, WORKERS, JOBS),
        "collaborators": {str: "hello"}, **others}
    return create_app(Settings(**settings), **collaborators)


@pytest.fixture(scope="session")
def make() -> Make:
    """Makes applications."""
    return make_application


@pytest.fixture(scope="session")
def app(make: Make) -> Application:
    """The application that most tests ask."""
    return make()


@pytest.fixture(scope="session")
def plain_app(make: Make) -> Application:
    """The same with the plain engine."""
    return make(validation_engine="plain")


@pytest.fixture(scope="session", params=["compiled", "plain"])
def either_app(request: pytest.FixtureRequest, app: Application, plain_app: Application) -> Application:
    """The application, once with each engine."""
    return app if request.param == "compiled" else plain_app


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis of these tests' own, behind a socket; skips where there is no redis-server."""
    program = need("redis-server")
    folder = tmp_path_factory.mktemp("redis")
    socket = folder / "redis.sock"
    command = [program, "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(folder), "--daemonize", "no"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            for _ in range(200):
                if socket.exists():
                    break
                time.sleep(0.05)
            yield f"redis+unix://{socket}"
        finally:
            server.terminate()


@pytest.fixture
def restored_logging() -> Iterator[None]:
    """Leaves the process's logging, and what catches its last exceptions, as it was."""
    loggers = [logging.getLogger(name) for name in (None, *CONFIGURED)]
    states = [(each.handlers[:], each.level, each.propagate, each.disabled) for each in loggers]
    hooks = sys.excepthook, threading.excepthook
    yield
    for each, (handlers, level, propagate, disabled) in zip(loggers, states, strict=True):
        each.handlers[:], each.propagate, each.disabled = handlers, propagate, disabled
        each.setLevel(level)
    sys.excepthook, threading.excepthook = hooks
    logging.captureWarnings(False)
