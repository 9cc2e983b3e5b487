"""`ci-api machine`: executes queued runs and submitted jobs on this machine."""
from __future__ import annotations

import argparse
import logging
import os
import shutil
import signal
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import chain, count, repeat
from pathlib import Path
from typing import Any

from api.commands.attached import when_left
from api.commands.executable_sources import sources
from api.commands.failure import CommandFailed
from api.commands.job_agent import machine_home, make_job_agent
from api.config import Settings
from api.config_values import http_url
from api.domain.runs.machine import WorkKind
from api.host.lock_file import try_lock
from api.host.slots import Slot, Slots
from api.host.work_folder import work_folder
from api.jobs.project.workspaces import Workspaces
from api.machine.file_cache import FileCache
from api.machine.job_client import JobClient
from api.machine.machine_client import MachineClient, Refused, ServerUnavailable, TokenRefused, http_client
from api.machine.server_repository import ServerJobRepository
from api.machine.server_source import ServerRunSource
from api.sandbox.choice import SandboxOptions, choose, log_choice
from api.sandbox.kubernetes.sandbox import KubernetesJobs
from api.sandbox.limits import Limits as SandboxLimits
from api.sandbox.sandbox import Sandbox
from api.specfirst.responses.access_log import configure_logging
from api.worker.options import WorkerOptions
from api.worker.programs.command import SandboxPaths
from api.worker.programs.process import Limits, RunProcess, run_process
from api.worker.programs.sandboxed_run import SandboxedRun
from api.worker.worker import Worker

# What a program under test sees of the worker's environment, which holds secrets; its home is a folder of its own.
INHERITED = ("PATH", "LANG", "TZ")
MAX_SLOTS = 1000
TEST_PROCESSES = 128
# How long a question for work lasts, in seconds.
WAIT = 25
# Parts of a lease: what a renewal may take, and after which the run is stopped, in time before another machine begins it.
RENEWAL, LOST_AFTER = 1 / 6, 3 / 4
# How often a lease is renewed, in seconds. So soon a machine stops a run that was cancelled.
RENEW_INTERVAL = 5.0
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
    configure_logging(settings.log_format)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    handed_over = threading.Event()
    if arguments.attached:
        when_left(stop.set, noted=handed_over.set)
    work_dir = make_work_folder(settings)
    server = arguments.server or settings.machine_server or settings.public_url
    with http_client() as http:
        client = JobClient(http, server, arguments.token_file)
        machine = identify(client, stop, once=arguments.once)
        if machine is None:
            return 0
        kinds = {WorkKind.RUN} if arguments.once else {*machine["kinds"]}
        with _alone(work_dir, machine["name"]):
            _execute(arguments, settings, client, machine, kinds & {*machine["kinds"]}, stop, handed_over)
    return 0


def _execute(
    arguments: argparse.Namespace, settings: Settings, client: JobClient, machine: Mapping[str, Any], kinds: Collection[str],
    stop: threading.Event, handed_over: threading.Event,
) -> None:
    work_dir = settings.work_dir.absolute()
    cache = FileCache(work_dir / "cache", settings.cache_size)
    chosen = choose(sandbox_options(settings))
    is_cluster = isinstance(chosen.sandbox, KubernetesJobs)
    # Other hosts do not see what is mounted on this one.
    workspaces = Workspaces(machine_home(settings, machine["name"]) / "work", images=False if is_cluster else None)
    if is_cluster and WorkKind.RUN in kinds:
        raise CommandFailed("CI_SANDBOX=kubernetes executes jobs alone, and this machine takes runs: add it with --takes job")
    log_choice(chosen, *([workspaces.guard] if WorkKind.JOB in kinds else []))
    with ExitStack() as stack:
        if WorkKind.JOB in kinds:
            jobs = make_job_agent(
                settings, machine["name"], timedelta(seconds=machine["lease_seconds"]), chosen, workspaces,
                ServerJobRepository(client, cache), stop, handed_over)
            stack.enter_context(jobs.running(stop))
        log.info("machine %s: %s, %d slots", machine["name"], " and ".join(f"{each}s" for each in sorted(kinds)), settings.job_slots)
        if WorkKind.RUN not in kinds:
            stop.wait()
            return
        # Jobs have the first of the host's slots.
        slot = stack.enter_context(Slots(work_dir / "slots", count=MAX_SLOTS, first=settings.job_slots).acquire())
        if chosen.sandbox is not None and slot is None:
            raise CommandFailed(f"all of this host's {MAX_SLOTS} slots are held")
        found = options(machine, settings)
        runs = ServerRunSource(
            client, cache, stop, found.retries, wait=0 if arguments.once else WAIT, renew_timeout=machine["lease_seconds"] * RENEWAL)
        sandboxed = replace(found, sandboxed=chosen.sandbox is not None, sources=sources(settings, runs, chosen.sandbox, slot))
        runner = bare_run() if chosen.sandbox is None or slot is None else sandboxed_run(chosen.sandbox, slot, settings)
        Worker(sandboxed, runs, stop, runner).work(until_idle=arguments.once)


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
        settings.container_prefix, settings.sandbox_root, settings.kubernetes_claim, settings.kubernetes_config)


def options(machine: Mapping[str, Any], settings: Settings) -> WorkerOptions:
    """The worker's options, from what the server says of this machine, and the settings."""
    found, lease = shutil.which("ffmpeg"), machine["lease_seconds"]
    return WorkerOptions(
        name=machine["name"], temporary=settings.work_dir.absolute() / "runs", trusted=settings.trust_executables,
        limits=Limits(seconds=settings.test_timeout, core_bytes=settings.core_dump_limit),
        places=SandboxPaths(f"{settings.sandbox_repository}/TestFiles", f"{settings.sandbox_repository}/TempFiles"),
        ffmpeg=Path(found) if found else None, run_seconds=settings.run_timeout,
        renew_seconds=min(RENEW_INTERVAL, lease * RENEWAL), lease_timeout=lease * LOST_AFTER)
