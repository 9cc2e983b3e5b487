"""A server on a database, with a machine of it."""
from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import httpx
from sqlalchemy import update

from api.app import Application
from api.domain.auth.token import token_digest
from api.domain.runs.claimed_run import ReportedError
from api.domain.runs.infrastructure_code import InfrastructureCode
from api.domain.runs.machine import Machine, WorkKind, machine_token
from api.domain.runs.run import Phase, Platform
from api.host.clock import utc_now
from api.jobs.wakeup.wakeup import local_wakeup
from api.machine.file_cache import FileCache
from api.machine.machine_client import MachineClient
from api.machine.server_source import ServerRunSource
from api.server import make_server
from api.services.results.verdicts import derive_state
from api.storage.database import change, database_now, session, transact, transaction
from api.storage.runs.machines import add_machine
from api.storage.runs.progress import list_events, record_event
from api.storage.tables.runs import ShardRow
from api.worker.patience import Retries
from api.worker.run_source import ClaimedRun
from tests.builders import MAIN_REPOSITORY, Output, add_regression_test, add_run, add_sample
from tests.databases import Database
from tests.handlers.site import settings_for
from tests.specfirst.transport.sockets import listening

LEASE = timedelta(minutes=1)
SAMPLE = b"a sample"
COMMIT = "c" * 40
STOPPED = ReportedError.of(InfrastructureCode.WORKER_STOPPED, "The worker was stopped.")
QUICK = Retries(timeout=0.3, first_pause=0.05, max_pause=0.1)


def nothing(_: float) -> None:
    """Wait for nothing: the server of these tests is there."""


@dataclass
class ServerQueue:
    """The server's side of the claims: runs come in, lapse and end; and a machine that claims them."""

    run_source: ServerRunSource
    client: MachineClient
    cache: FileCache
    database: Database
    folder: Path
    http: httpx.Client
    url: str

    @property
    def token_file(self) -> Path:
        """The file with the machine's token."""
        return self.folder / "worker.token"

    def another(self) -> ServerRunSource:
        """The run source of another machine."""
        client = MachineClient(self.http, self.url, enrol(f"worker-{uuid4()}", self.folder))
        return ServerRunSource(client, self.cache, threading.Event(), QUICK, wait=0)

    def wake(self) -> None:
        """Say that something was queued, as whoever queues it does."""
        local_wakeup(self.folder / "work").wake()

    def add(self, platform: str = "linux") -> int:
        """Queue a run; return its id."""
        return add_run(platform=platform, commit=COMMIT, repository=MAIN_REPOSITORY)

    def cancel(self, run_id: int) -> None:
        """End a run as a person would."""
        with transaction():
            record_event(run_id, Phase.CANCELED, "Canceled by a person.", at=utc_now(), origin=None)
            derive_state(run_id)

    def lapse(self, run_id: int) -> None:
        """Let a claim's lease end."""
        with transaction():
            change(update(ShardRow).where(ShardRow.run_id == run_id).values(deadline=database_now() - LEASE))

    def ended_with(self, run_id: int) -> str | None:
        """The message of the run's cancellation."""
        session().rollback()
        return next((event.message for event in list_events(run_id) if event.phase is Phase.CANCELED), None)

    def install(self, content: bytes) -> Path:
        """Put an executable into the server's folder."""
        place = self.folder / "executables" / MAIN_REPOSITORY / "linux" / COMMIT / "ccextractor"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        place.chmod(0o755)
        return place


def enrol(name: str, folder: Path) -> Path:
    """Add a machine of this name; return the file with its token."""
    token, file = machine_token(sha256(name.encode()).digest()), folder / f"{name}.token"
    transact(partial(add_machine, Machine(name, (WorkKind.RUN,), Platform.LINUX, utc_now()), token_digest(token)))
    file.write_text(f"{token}\n")
    return file


@contextmanager
def working(server: Application, folder: Path, url: str) -> Iterator[ServerQueue]:
    """A machine of a server, named `worker`."""
    with httpx.Client(trust_env=False) as http:
        client = MachineClient(http, url, enrol("worker", folder))
        cache = FileCache(folder / "cache", 1 << 20)
        made = ServerRunSource(client, cache, threading.Event(), QUICK, wait=0)
        yield ServerQueue(made, client, cache, Database(server.flask, ""), folder, http, url)


def taken(queue: ServerQueue) -> ClaimedRun:
    """A run that the machine claims, which must be there."""
    claimed = queue.run_source.claim()
    assert claimed is not None
    return claimed


@contextmanager
def served(database: Database, folder: Path) -> Iterator[ServerQueue]:
    """A server on a database with one regression test, and a machine of it."""
    add_regression_test(
        sample_id=add_sample(sha=sha256(SAMPLE).hexdigest(), extension="ts"), outputs=[Output(baseline=sha256(b"x").hexdigest())])
    settings = settings_for(folder, folder / "none", database_url=database.url, executables=folder / "executables", lease_duration=60)
    server = make_server(settings)
    path = settings.storage_root / "TestFiles" / f"{sha256(SAMPLE).hexdigest()}.ts"
    path.write_bytes(SAMPLE)
    with listening(server) as port, working(server, folder, f"http://127.0.0.1:{port}") as queue:
        yield queue
