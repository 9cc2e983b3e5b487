"""`ci-api machine`: executes queued runs and submitted jobs on this machine."""
from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from api.commands.attached import when_left
from api.commands.failure import CommandFailed
from api.commands.machine_runs import MachineProcess
from api.config import Settings
from api.config_values import http_url
from api.domain.runs.machine import WorkKind
from api.host.lock_file import try_lock
from api.host.work_folder import work_folder
from api.log_format import configure_process_logging
from api.machine.job_client import JobClient
from api.machine.machine_client import MachineClient, Refused, ServerUnavailable, TokenRefused, http_client
from api.system import STOP_SIGNALS

if sys.platform == "win32":
    from api.commands.bare_machine import execute
else:
    from api.commands.sandboxed_machine import execute

# A server that starts at the same time as its machines needs a moment.
STARTING_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)

log = logging.getLogger(__name__)


def add(commands: Any) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "machine", help="execute queued runs and submitted jobs on this machine",
        description="Claim queued runs and submitted jobs from a server, as far as this machine may take them: runs one after the other, "
        "of jobs as many at once as CI_JOB_SLOTS says. It needs the server's address and a token (`ci-api machines add`). "
        "CI_EXECUTABLE_SOURCES says where executables come from. Without a sandbox no job is taken, and only executables of the server's "
        "folder are run, and those only with CI_TRUST_EXECUTABLES=true. Jobs outlive this process: the machine's next one adopts them.")
    parser.add_argument("--server", type=address, help="the server's address (default: CI_MACHINE_SERVER, else CI_PUBLIC_URL)")
    parser.add_argument("--token-file", type=Path, required=True, help="file with the machine's token")
    parser.add_argument("--once", action="store_true", help="take no jobs, and stop when no run is queued")
    parser.add_argument("--attached", action="store_true", help="end when the standard input does")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Execute runs and jobs until SIGTERM or Ctrl-C. A run that is being executed then ends with a reported failure; jobs go on."""
    configure_process_logging(settings.log_format)
    stop = threading.Event()
    for number in STOP_SIGNALS:
        signal.signal(number, lambda *_: stop.set())
    handed_over = threading.Event()
    if arguments.attached:
        when_left(stop.set, noted=handed_over.set)
    work_dir = make_work_folder(settings)
    server = arguments.server or settings.machine_server or settings.public_url
    with http_client() as http:
        client = JobClient(http, server, arguments.token_file)
        found = identify(client, stop, once=arguments.once)
        if found is None:
            return 0
        kinds = frozenset(WorkKind(each) for each in found["kinds"] if not arguments.once or each == WorkKind.RUN)
        machine = MachineProcess(
            settings, client, found["name"], found["lease_seconds"], kinds, arguments.once, stop, handed_over)
        with _alone(work_dir, machine.name):
            log.info("machine %s: %s, %d slots", machine.name, " and ".join(f"{each}s" for each in sorted(kinds)), settings.job_slots)
            execute(machine)
    return 0


@contextmanager
def _alone(work_dir: Path, name: str) -> Iterator[None]:
    """While this is the machine's one process on this host. Raises CommandFailed where another is."""
    lock = try_lock(work_dir / f"machine-{name}.lock")
    if lock is None:
        raise CommandFailed(f"another process of the machine {name} runs on this host")
    try:
        yield
    finally:
        os.close(lock)


def identify(client: MachineClient, stop: threading.Event, *, once: bool) -> Mapping[str, Any] | None:
    """Who this machine is; None where it is told to stop first. A server that is away is waited for, unless this is to be done `once`.

    Raises CommandFailed where the server does not know the token.
    """
    pauses = chain(STARTING_PAUSES, repeat(STARTING_PAUSES[-1]))
    while not stop.is_set():
        try:
            return client.identify()
        except ServerUnavailable as away:
            if once:
                raise CommandFailed(f"the server does not answer: {away}") from away
            log.warning("the server does not answer; trying again: %s", away)
            stop.wait(next(pauses))
        except (TokenRefused, Refused) as refused:
            raise CommandFailed(str(refused)) from refused
    return None


def address(text: str) -> str:
    """Parse the server's address from the command line."""
    try:
        return http_url(text)
    except ValueError as wrong:
        raise argparse.ArgumentTypeError(str(wrong)) from wrong


def make_work_folder(settings: Settings) -> Path:
    """Make the work folder of this host. Raises CommandFailed if that is impossible."""
    try:
        return work_folder(settings.work_dir.absolute())
    except OSError as fault:
        raise CommandFailed(f"CI_WORK_DIR: {fault}") from fault
