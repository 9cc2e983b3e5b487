"""What a machine executes where there are sandboxes: runs and jobs."""
from __future__ import annotations

import os
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from itertools import count

from api.commands.executable_sources import sources
from api.commands.failure import CommandFailed
from api.commands.job_agent import machine_home, make_job_agent
from api.commands.machine_runs import MachineProcess, execute_runs, inherited
from api.config import Settings
from api.domain.runs.machine import WorkKind
from api.host.slots import Slot, Slots
from api.jobs.project.workspaces import Workspaces
from api.machine.server_repository import ServerJobRepository
from api.sandbox.choice import Choice, SandboxOptions, choose, log_choice
from api.sandbox.kubernetes.sandbox import KubernetesJobs
from api.sandbox.limits import Limits
from api.sandbox.sandbox import Sandbox
from api.worker.programs.execution import RunProcess
from api.worker.programs.process import run_process
from api.worker.programs.sandboxed_run import SandboxedRun

MAX_SLOTS = 1000
TEST_PROCESSES = 128


def execute(machine: MachineProcess) -> None:
    """Execute runs and jobs until the machine is to end. Raises CommandFailed where it cannot."""
    settings = machine.settings
    chosen = choose(_sandbox_options(settings))
    is_cluster = isinstance(chosen.sandbox, KubernetesJobs)
    # Other hosts do not see what is mounted on this one.
    workspaces = Workspaces(machine_home(settings, machine.name) / "work", images=False if is_cluster else None)
    if is_cluster and WorkKind.RUN in machine.kinds:
        raise CommandFailed("CI_SANDBOX=kubernetes executes jobs alone, and this machine takes runs: add it with --takes job")
    log_choice(chosen, *([workspaces.guard] if WorkKind.JOB in machine.kinds else []))
    with ExitStack() as stack:
        if WorkKind.JOB in machine.kinds:
            jobs = make_job_agent(
                settings, machine.name, timedelta(seconds=machine.lease_seconds), chosen, workspaces,
                ServerJobRepository(machine.client, machine.cache), machine.stop, machine.handed_over)
            stack.enter_context(jobs.running(machine.stop))
        if WorkKind.RUN not in machine.kinds:
            machine.stop.wait()
            return
        # Jobs have the first of the host's slots.
        slot = stack.enter_context(Slots(machine.work_dir / "slots", count=MAX_SLOTS, first=settings.job_slots).acquire())
        _execute_runs(machine, chosen, slot)


def _execute_runs(machine: MachineProcess, chosen: Choice, slot: Slot | None) -> None:
    sandbox = chosen.sandbox
    if sandbox is None or slot is None:
        if sandbox is not None:
            raise CommandFailed(f"all of this host's {MAX_SLOTS} slots are held")
        runner: RunProcess = partial(run_process, inherited=inherited())
    else:
        runner = _sandboxed_run(sandbox, slot, machine.settings)
    execute_runs(machine, runner, lambda runs: sources(machine.settings, runs, sandbox, slot), sandboxed=sandbox is not None)


def _sandboxed_run(sandbox: Sandbox, slot: Slot, settings: Settings) -> SandboxedRun:
    limits = Limits(memory_bytes=settings.test_memory, processes=TEST_PROCESSES)
    numbers = count()
    return SandboxedRun(sandbox, limits, slot.user_id, lambda: f"worker-{os.getpid()}-{next(numbers)}")


def _sandbox_options(settings: Settings) -> SandboxOptions:
    return SandboxOptions(
        settings.sandbox, settings.work_dir.absolute(), settings.cgroup, settings.container_socket, settings.container_image,
        settings.container_prefix, settings.sandbox_root, settings.kubernetes_claim, settings.kubernetes_config)
