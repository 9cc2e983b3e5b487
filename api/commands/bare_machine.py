"""What a machine executes where there is no sandbox, as on Windows: runs of executables that the operator trusts."""
from __future__ import annotations

import logging
from functools import partial

from api.commands.failure import CommandFailed
from api.commands.machine_runs import MachineProcess, execute_runs, inherited
from api.config import Settings
from api.domain.runs.machine import WorkKind
from api.system import end_programs_with_this_process
from api.worker.programs.process_tree import run_process_tree
from api.worker.run_source import RunSource
from api.worker.sources.source import FolderSource, MissingSource, Source

log = logging.getLogger(__name__)


def execute(machine: MachineProcess) -> None:
    """Execute runs until the machine is to end. Raises CommandFailed where it may not."""
    settings = machine.settings
    if settings.sandbox not in ("auto", "none"):
        raise CommandFailed(f"CI_SANDBOX is {settings.sandbox}, and on this system there is no sandbox")
    if WorkKind.RUN not in machine.kinds:
        raise CommandFailed("on this system there is no sandbox, which jobs need: add the machine with --takes run")
    if not settings.trust_executables:
        raise CommandFailed("on this system there is no sandbox, so CI_TRUST_EXECUTABLES=true must allow executing without one")
    if WorkKind.JOB in machine.kinds:
        log.warning("no job is taken: on this system there is no sandbox")
    log.warning("no sandbox: executables have this process's rights, and no limit of memory, processors or processes")
    end_programs_with_this_process()
    execute_runs(machine, partial(run_process_tree, inherited=inherited()), lambda runs: _sources(settings, runs), sandboxed=False)


def _sources(settings: Settings, runs: RunSource) -> tuple[Source, ...]:
    return tuple(FolderSource(runs) if name == FolderSource.name else MissingSource(name) for name in settings.executable_sources)
