"""The part of a machine that executes jobs."""
from __future__ import annotations

import logging
import shlex
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from api.config import Settings
from api.domain.jobs.agents import Agent as AgentRecord
from api.domain.jobs.archive_check import archive_limits
from api.host.clock import utc_now
from api.host.full_disk import DISK_RESERVE
from api.host.permissions import PRIVATE
from api.host.slots import Slots
from api.host.work_folder import home_of
from api.jobs.agent.agent import Agent
from api.jobs.agent.finishing import Finisher
from api.jobs.agent.housekeeping import HOST_INTERVAL, Housekeeping
from api.jobs.agent.job_repository import JobRepository
from api.jobs.agent.log_shipping import LogShipper
from api.jobs.agent.options import AgentOptions
from api.jobs.agent.preparing import JobPreparer
from api.jobs.files import JobFiles
from api.jobs.project.job_options import Index, JobOptions
from api.jobs.project.keeping import ArtifactLimits
from api.jobs.project.package_caches import PackageCaches
from api.jobs.project.python_runtime import PythonRuntime, host_runtime, image_runtime
from api.jobs.project.self_check import RETRY_INTERVAL, SelfCheck
from api.jobs.project.workspaces import Workspaces
from api.sandbox.choice import Choice
from api.sandbox.containers.sandbox import ContainerEngine
from api.sandbox.kubernetes.sandbox import KubernetesJobs
from api.sandbox.limits import Limits
from api.sandbox.linux.bubblewrap import Bubblewrap
from api.supervision.loop import Background, Task

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class JobAgent:
    """An agent, and what is done beside its loop."""

    agent: Agent
    tasks: Sequence[Task]

    @contextmanager
    def running(self, stop: threading.Event) -> Iterator[None]:
        """Execute jobs while the context lasts. Whatever ends the agent ends the machine."""
        background = Background()
        background.add(list(self.tasks))

        def work() -> None:
            try:
                self.agent.run()
            finally:
                stop.set()

        thread = threading.Thread(target=work, name="jobs")
        with background.entered():
            thread.start()
            try:
                yield
            finally:
                self.agent.stop()
                thread.join()


def make_job_agent(
    settings: Settings, name: str, lease: timedelta, chosen: Choice, workspaces: Workspaces, repository: JobRepository,
    stop: threading.Event, handed_over: threading.Event,
) -> JobAgent:
    """Make the agent as configured, its clean-up, and the self-check of its sandbox."""
    work, home, jobs = settings.work_dir.absolute(), machine_home(settings, name), job_options(settings)
    PRIVATE.make_folder(home)
    files, options, shipper = JobFiles(home), AgentOptions(settings.job_slots, lease), LogShipper(repository)
    preparer, self_check = None, None
    if chosen.sandbox is not None:
        runtime = python_runtime(chosen, work, settings.job_pythons)
        self_check = SelfCheck(chosen.sandbox, jobs, runtime)
        caches = PackageCaches(home / "caches", most=settings.job_caches, size=settings.job_disk // 2)
        preparer = JobPreparer(chosen.sandbox, runtime, workspaces, caches, repository, shipper, files, jobs, clock=utc_now)
    card = AgentRecord(
        name, options.slots, 0, utc_now(), None if chosen.sandbox is None else chosen.sandbox.name, chosen.trouble,
        tuple(f"{guard.name}: {guard.words}" for guard in chosen.missing(workspaces.guard)))
    agent = Agent(
        card, options, repository, files, Slots(work / "slots", count=options.slots),
        Finisher(repository, shipper, workspaces, jobs, pause=options.poll.total_seconds()), shipper, preparer, clock=utc_now,
        handed_over=handed_over)
    housekeeping = Housekeeping(files, workspaces, chosen.sandbox)
    return JobAgent(agent, _tasks(agent, housekeeping, self_check, stop))


def machine_home(settings: Settings, name: str) -> Path:
    """The folder on this host's own disk of what a machine has of its jobs."""
    return home_of(settings.work_dir.absolute(), name)


def _tasks(agent: Agent, housekeeping: Housekeeping, self_check: SelfCheck | None, stop: threading.Event) -> list[Task]:
    tidying = [Task("host_cleanup", lambda: housekeeping.tidy_host(lambda: agent.held_names), HOST_INTERVAL)]
    if self_check is None:
        return tidying
    return [*tidying, Task("self_check", lambda: self_check.repeat(agent.suspend_claims, stop), RETRY_INTERVAL)]


def python_runtime(chosen: Choice, work: Path, pythons: Sequence[Path]) -> PythonRuntime:
    """The Python that jobs have in their sandboxes. Logs a warning for a part of it that is not installed."""
    sandbox = chosen.sandbox
    if isinstance(sandbox, ContainerEngine | KubernetesJobs) or (isinstance(sandbox, Bubblewrap) and sandbox.root):
        runtime = image_runtime(work / "python")
    else:
        runtime = host_runtime(work / "python", pythons)
    if runtime.missing:
        log.warning("jobs have no %s: not installed beside this service", ", ".join(runtime.missing))
    return runtime


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
        tuple(shlex.split(settings.job_command)), limits, archive_limits(settings.job_zip_size),
        None if wheelhouse is None else wheelhouse.absolute(), settings.job_install_network, settings.job_artifacts,
        ArtifactLimits(reserve=DISK_RESERVE), index)
