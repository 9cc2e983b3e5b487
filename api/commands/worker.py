"""`ci-api worker`: executes queued runs of one platform."""
from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import sys
import threading
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from api.commands.database import open_database
from api.commands.failure import CommandFailed
from api.commands.worker_sources import sources
from api.config import Settings
from api.domain.runs.run import Platform
from api.host.slots import Slot, Slots
from api.host.work_folder import work_folder
from api.installation import SYSTEM_RANDOM, prepare_store
from api.sandbox.choice import SandboxOptions, choose, log_choice
from api.sandbox.limits import Limits as SandboxLimits
from api.sandbox.sandbox import Sandbox
from api.specfirst.responses.access_log import configure_logging
from api.worker.command import SandboxPaths
from api.worker.database_source import DatabaseRunSource
from api.worker.options import Folders, WorkerOptions
from api.worker.process import Limits, RunProcess, run_process
from api.worker.sandboxed_run import SandboxedRun
from api.worker.worker import default_temporary, work

# What a program under test sees of the worker's environment, which holds secrets; its home is a folder of its own.
INHERITED = ("PATH", "LANG", "TZ")
MAX_SLOTS = 1000
TEST_PROCESSES = 128
HERE = Platform.WINDOWS if sys.platform == "win32" else Platform.LINUX


def add(commands: Any) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "worker", help="execute queued runs",
        description="Take queued runs of a platform, one after the other, execute their regression tests and report to the server. "
        "CI_EXECUTABLE_SOURCES says where executables come from. "
        "Without a sandbox only executables in CI_EXECUTABLES are run, and only with CI_TRUST_EXECUTABLES=true.")
    parser.add_argument("--platform", choices=[platform.value for platform in Platform], default=HERE.value, help="default: %(default)s")
    parser.add_argument(
        "--name", default=f"{socket.gethostname()}-{os.getpid()}", help="shown in the run's progress (default: host and process)")
    parser.add_argument("--once", action="store_true", help="stop when nothing is queued")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Execute runs until SIGTERM or Ctrl-C. A run that is being executed then ends with a reported failure."""
    configure_logging(settings.log_format)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    store = prepare_store(settings)
    try:
        work_folder(settings.work_dir.absolute())
    except OSError as fault:
        raise CommandFailed(f"CI_WORK_DIR: {fault}") from fault
    chosen = choose(sandbox_options(settings))
    log_choice(chosen)
    with open_database(settings) as flask, Slots(settings.work_dir.absolute() / "slots", count=MAX_SLOTS).acquire() as slot:
        claims = DatabaseRunSource(
            flask, arguments.name, store, settings.main_repository, lease=timedelta(seconds=settings.lease_duration), chance=SYSTEM_RANDOM)
        if chosen.sandbox is not None and slot is None:
            raise CommandFailed(f"all of this host's {MAX_SLOTS} slots are held")
        runner = bare_run() if chosen.sandbox is None or slot is None else sandboxed_run(chosen.sandbox, slot, settings)
        work(
            replace(
                options(arguments, settings), sandboxed=chosen.sandbox is not None, sources=sources(settings, chosen.sandbox, slot)),
            claims, stop=stop, until_idle=arguments.once, run_process=runner)
    return 0


def bare_run() -> RunProcess:
    """Make the function that runs processes without a sandbox."""
    return partial(run_process, inherited={name: os.environ[name] for name in INHERITED if name in os.environ})


def sandboxed_run(sandbox: Sandbox, slot: Slot, settings: Settings) -> RunProcess:
    """Make the function that runs processes in the sandbox, as the slot's user."""
    limits = SandboxLimits(memory_bytes=settings.test_memory, processes=TEST_PROCESSES)
    numbers = count()
    return SandboxedRun(sandbox, limits, slot.user_id, lambda: f"worker-{os.getpid()}-{next(numbers)}")


def sandbox_options(settings: Settings) -> SandboxOptions:
    """The options of the sandbox, from the settings."""
    return SandboxOptions(
        settings.sandbox, settings.work_dir.absolute(), settings.cgroup, settings.container_socket, settings.container_image,
        settings.container_prefix, settings.sandbox_root)


def options(arguments: argparse.Namespace, settings: Settings) -> WorkerOptions:
    """The worker's options, from the command line and the settings."""
    root = settings.storage_root.absolute()
    found = shutil.which("ffmpeg")
    return WorkerOptions(
        name=arguments.name, platform=arguments.platform, server=settings.worker_server_url or settings.public_url,
        folders=Folders.of_store(root, executables=settings.executables.absolute(), temporary=default_temporary(root)),
        main_repository=settings.main_repository, trusted=settings.trust_executables,
        limits=Limits(seconds=settings.test_timeout, core_bytes=settings.core_dump_limit),
        places=SandboxPaths(f"{settings.sandbox_repository}/TestFiles", f"{settings.sandbox_repository}/TempFiles"),
        ffmpeg=Path(found) if found else None, lease_timeout=settings.lease_duration / 2,
        run_seconds=settings.run_timeout)
