"""`ci-api agent`: runs submitted jobs."""
from __future__ import annotations

import argparse
import logging
import shlex
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask

from api.commands.attached import when_left
from api.commands.database import open_database
from api.commands.machine import make_work_folder, sandbox_options
from api.config import Settings
from api.domain.jobs.agents import Agent as AgentRecord
from api.host.slots import Slots
from api.installation import archive_limits, job_home, prepare_store, utc_now
from api.jobs.agent.agent import Agent
from api.jobs.agent.finishing import Finisher
from api.jobs.agent.housekeeping import FILES_INTERVAL, HOST_INTERVAL, Housekeeping
from api.jobs.agent.job_repository import DatabaseJobRepository, RepositoryUnavailable
from api.jobs.agent.names import AgentNames
from api.jobs.agent.options import AgentOptions
from api.jobs.agent.preparing import JobPreparer
from api.jobs.project.job_options import Index, JobOptions
from api.jobs.project.keeping import ArtifactLimits
from api.jobs.project.package_caches import PackageCaches
from api.jobs.project.python_runtime import PythonRuntime, host_runtime, image_runtime
from api.jobs.project.self_check import RETRY_INTERVAL, SelfCheck
from api.jobs.project.workspaces import Workspaces
from api.jobs.wakeup.wakeup import local_wakeup
from api.sandbox.bubblewrap import Bubblewrap
from api.sandbox.choice import Choice, choose, log_choice
from api.sandbox.container import ContainerEngine
from api.sandbox.limits import Limits
from api.specfirst.responses.access_log import configure_logging
from api.storage.files.incoming import DISK_RESERVE
from api.storage.jobs.files import JobFiles
from api.storage.permissions import PRIVATE
from api.supervision.loop import Background, Task

log = logging.getLogger(__name__)


def add(commands: Any) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "agent", help="run submitted jobs",
        description="Run submitted jobs in a sandbox. Any number of agents may run, on any number of hosts. Jobs outlive their agent: "
        "the next one on the host adopts them.")
    parser.add_argument("--attached", action="store_true", help="end when the standard input does")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Take and supervise jobs until SIGTERM or Ctrl-C. Jobs that are running then go on."""
    configure_logging(settings.log_format)
    work = make_work_folder(settings)
    home = job_home(settings)
    PRIVATE.make_folder(home)
    with open_database(settings) as flask, agent_names(home) as (names, name):
        agent, housekeeping, self_check = make_agent(settings, flask, names, name)
        stopping = threading.Event()

        def stop(*_: object) -> None:
            stopping.set()
            agent.stop()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        if arguments.attached:
            when_left(stop)
        background = Background(is_outage=is_outage)
        background.add(tasks(agent, housekeeping, self_check, stopping))
        with local_wakeup(work).listen() as listener, background.entered():
            log.info("agent %s: %d slots", name, settings.job_slots)
            agent.run(listener)
    return 0


def tasks(agent: Agent, housekeeping: Housekeeping, self_check: SelfCheck | None, stopping: threading.Event) -> list[Task]:
    """The agent's periodic tasks: clean-up of the host and of files, and the self-check of the sandbox if there is one."""
    tidying = [
        Task("host_cleanup", lambda: housekeeping.tidy_host(lambda: agent.held_names), HOST_INTERVAL),
        Task("job_file_cleanup", housekeeping.tidy_files, FILES_INTERVAL)]
    if self_check is None:
        return tidying
    return [*tidying, Task("self_check", lambda: self_check.repeat(agent.suspend_claims, stopping), RETRY_INTERVAL)]


def is_outage(raised: BaseException) -> bool:
    """Whether an exception means that the database is unreachable. The agent logs that itself."""
    return isinstance(raised, RepositoryUnavailable) and raised.is_outage


@contextmanager
def agent_names(home: Path) -> Iterator[tuple[AgentNames, str]]:
    """Acquire a name for this agent while the context lasts. Yields the names of this host's agents, and the acquired one."""
    names = AgentNames(home, socket.gethostname())
    with names.acquire() as name:
        yield names, name


def make_agent(settings: Settings, flask: Flask, names: AgentNames, name: str) -> tuple[Agent, Housekeeping, SelfCheck | None]:
    """Make the agent as configured, its clean-up, and the self-check of its sandbox."""
    work = settings.work_dir.absolute()
    prepare_store(settings)
    chosen = choose(sandbox_options(settings))
    workspaces = Workspaces(job_home(settings) / "work")
    log_choice(chosen, workspaces.guard)
    files, options, jobs = JobFiles(settings.storage_root), agent_options(settings, work), job_options(settings)
    repository = DatabaseJobRepository(flask, name, per_owner=options.per_owner, keep=options.keep)
    preparer, self_check = None, None
    if chosen.sandbox is not None:
        runtime = python_runtime(chosen, work, settings.job_pythons)
        self_check = SelfCheck(chosen.sandbox, jobs, runtime)
        caches = PackageCaches(job_home(settings) / "caches", most=settings.job_caches, size=settings.job_disk // 2)
        preparer = JobPreparer(chosen.sandbox, runtime, workspaces, caches, files, jobs, clock=utc_now)
    card = AgentRecord(
        name, options.slots, 0, utc_now(), None if chosen.sandbox is None else chosen.sandbox.name, chosen.trouble,
        tuple(f"{guard.name}: {guard.words}" for guard in chosen.missing(workspaces.guard)))
    agent = Agent(
        card, options, repository, files, Slots(work / "slots", count=options.slots), names,
        Finisher(repository, workspaces, jobs, pause=options.poll.total_seconds()), preparer, clock=utc_now)
    housekeeping = Housekeeping(repository, files, workspaces, chosen.sandbox, keep=options.keep, clock=utc_now)
    return agent, housekeeping, self_check


def python_runtime(chosen: Choice, work: Path, pythons: Sequence[Path]) -> PythonRuntime:
    """The Python that jobs have in their sandboxes. Logs a warning for a part of it that is not installed."""
    sandbox = chosen.sandbox
    if isinstance(sandbox, ContainerEngine) or (isinstance(sandbox, Bubblewrap) and sandbox.root):
        runtime = image_runtime(work / "python")
    else:
        runtime = host_runtime(work / "python", pythons)
    if runtime.missing:
        log.warning("jobs have no %s: not installed beside this service", ", ".join(runtime.missing))
    return runtime


def agent_options(settings: Settings, work: Path) -> AgentOptions:
    """The agent's options, from the settings."""
    return AgentOptions(
        work, settings.job_slots, settings.jobs_per_user, timedelta(seconds=settings.lease_duration),
        keep=timedelta(seconds=settings.job_retention))


def job_options(settings: Settings) -> JobOptions:
    """The jobs' command and limits, from the settings."""
    limits = Limits(
        seconds=settings.job_timeout, memory_bytes=settings.job_memory, processes=settings.job_processes, cpus=settings.job_cpus,
        workspace_bytes=settings.job_disk, log_bytes=settings.job_log_size, file_bytes=settings.job_disk)
    wheelhouse, certificates = settings.job_wheelhouse, settings.job_certificates
    index = Index(
        settings.job_index_url, settings.job_extra_index_urls, certificates=None if certificates is None else certificates.absolute(),
        proxy=settings.job_proxy)
    return JobOptions(
        tuple(shlex.split(settings.job_command)), limits, archive_limits(settings),
        None if wheelhouse is None else wheelhouse.absolute(), settings.job_install_network, settings.job_artifacts,
        ArtifactLimits(quota_bytes=settings.job_quota, reserve=DISK_RESERVE), index)
