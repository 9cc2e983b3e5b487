"""`ci-api demo`: a server, a machine and real runs, on one machine, from nothing."""
from __future__ import annotations

import argparse
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from api.commands.database import open_database
from api.commands.failure import CommandFailed
from api.commands.machines import issue as issue_machine
from api.commands.machines import rotate
from api.commands.serve import port
from api.commands.tokens import issue
from api.config import Settings
from api.demo.job_story import run_job_story
from api.demo.prepare import BaselineFailed, prepare
from api.demo.project import write_project
from api.demo.story import StoryFailed, tell
from api.domain.auth.access import Role
from api.domain.catalog.change import Editor
from api.domain.runs.machine import WorkKind
from api.domain.runs.run import Platform
from api.host.clock import utc_now
from api.host.permissions import PRIVATE
from api.installation import prepare_store
from api.library_folder.importing import import_folder
from api.specfirst.access.local_access import is_loopback_host
from api.storage import schema
from api.storage.auth import accounts
from api.storage.auth.passwords import hash_password
from api.storage.database import db, transaction
from api.storage.runs import machines
from api.stores import load_signing_key, make_stores

BY = Editor(None, "ci-api demo")
MACHINE = "demo-machine"
START_SECONDS = 90
STOP_SECONDS = 15
# Several times what a crash of the demo's extractor leaves.
CORE_BYTES = 256 << 20
# Ctrl-C, a service manager's stop, and a terminal that is closed.
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def add(commands: Any) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "demo", help="show everything on this machine",
        description="Make a database, a media library and accounts in a folder, start server and machine, trigger runs through the "
        "API, and print where to look. Ctrl-C stops everything; the next start goes on with the same folder.")
    parser.add_argument("--folder", type=Path, default=Path("instance/demo"), help="where everything is kept (default: %(default)s)")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address, no other (default: %(default)s)")
    parser.add_argument("--port", type=port, default=8000, help="default: %(default)s")
    parser.add_argument("--once", action="store_true", help="stop when the runs are over")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Prepare, start, tell, and stay until Ctrl-C."""
    if not is_loopback_host(arguments.host):
        raise CommandFailed("The demo listens on loopback addresses only: its accounts are open to whoever reads its output.")
    configured = demo_settings(settings, arguments.folder.absolute(), f"http://{arguments.host}:{arguments.port}")
    for number in STOPPING:
        # A program that was started in the background has Ctrl-C ignored, and must stop all the same when it is told to.
        signal.signal(number, _interrupt)
    try:
        _refuse_taken_port(arguments.host, arguments.port)
        library = arguments.folder.absolute() / "library"
        demo = prepare(library, configured.executables)
        token, requester = fill(configured, library)
        with processes(configured, arguments, enrol(configured)):
            tell(configured.public_url, token, demo.builds, requester=requester)
            run_job_story(configured.public_url, token, write_project(arguments.folder))
            if not arguments.once:
                print("Server and machine go on; Ctrl-C stops them.", flush=True)
                while True:
                    time.sleep(3600)
    except KeyboardInterrupt:
        print("\nStopped.")
    except (BaselineFailed, StoryFailed) as failed:
        raise CommandFailed(str(failed)) from failed
    return 0


def demo_settings(settings: Settings, folder: Path, public_url: str) -> Settings:
    """The settings of the demo: everything below one folder, and rates that let a person try things."""
    return replace(
        settings, database_url=f"sqlite:///{folder / 'ci.db'}", storage_root=folder / "files", executables=folder / "executables",
        public_url=public_url, trust_executables=True, work_dir=folder / "work",
        rate_reads=max(settings.rate_reads, 1200), rate_writes=max(settings.rate_writes, 120), sync_interval=5, public_results=True,
        core_dump_limit=CORE_BYTES)


def fill(settings: Settings, library: Path) -> tuple[str, str]:
    """Add accounts where they are missing, import the library's folder, issue tokens. Returns an admin's and a contributor's."""
    store = prepare_store(settings)
    stores = make_stores(settings, load_signing_key(settings), utc_now)
    with open_database(settings, migrated=False):
        schema.migrate(db.engine)
        for role in Role:
            _add_account(role)
        import_folder(library, stores.archive, store, BY, utc_now(), lambda what, about: None)
        return _issue(Role.ADMIN), _issue(Role.CONTRIBUTOR)


def enrol(settings: Settings) -> Path:
    """Add the demo's machine, or give it a new token. Returns the file with the token."""
    with open_database(settings):
        if all(each.name != MACHINE for each in machines.list_machines()):
            token = issue_machine(MACHINE, Platform.LINUX, [WorkKind.RUN])
        else:
            token = rotate(MACHINE)
    place = settings.storage_root.parent / "machine.token"
    with os.fdopen(PRIVATE.open(place, os.O_WRONLY | os.O_TRUNC), "w") as file:
        file.write(token)
    return place


def _issue(role: Role) -> str:
    return issue(f"{role.value}@example.test", f"demo-{secrets.token_hex(4)}", None, days=30)


def _add_account(role: Role) -> None:
    email = f"{role.value}@example.test"
    if accounts.find_account(email) is None:
        with transaction():
            accounts.create_account(role.value, email, role, hash_password(f"demo-{role.value}-pass", platform=False))


@contextmanager
def processes(settings: Settings, arguments: argparse.Namespace, token_file: Path) -> Iterator[None]:
    """Server and machine as processes of their own, stopped when the context ends."""
    environment = {**os.environ, **settings.as_environment()}
    command = (sys.executable, "-m", "api.cli")
    server = _start((*command, "serve", "--host", arguments.host, "--port", str(arguments.port)), environment, "server.log", settings)
    started = [server]
    try:
        _await_health(settings.public_url, server)
        # Its executables are the demo's own, so it needs no sandbox; a submitted project does, and gets what this machine has.
        bare = {**environment, "CI_SANDBOX": "none"}
        started.append(_start((*command, "machine", "--token-file", str(token_file)), bare, "machine.log", settings))
        yield
    finally:
        # A second signal must not leave one of them behind. The machine first, so that it can still say that it stops.
        for number in STOPPING:
            signal.signal(number, signal.SIG_IGN)
        for process in reversed(started):
            _stop(process)


def _start(command: Sequence[str], environment: dict[str, str], log: str, settings: Settings) -> subprocess.Popen[bytes]:
    # In a session of its own, so that Ctrl-C reaches this process alone, which then stops the others in order.
    with os.fdopen(PRIVATE.open(settings.storage_root.parent / log, os.O_WRONLY | os.O_APPEND), "ab") as output:
        return subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _await_health(url: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        try:
            if httpx.get(f"{url}/api/v1/system/health", timeout=5, trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise CommandFailed("The server did not start; server.log in the demo's folder says why.")


def _refuse_taken_port(host: str, number: int) -> None:
    try:
        socket.create_connection((host, number), timeout=2).close()
    except ConnectionRefusedError:
        return
    except OSError:
        # Whatever is there, it is not a port that is free.
        pass
    raise CommandFailed("Something listens on this port already; choose another with --port.")


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
