"""The steps of a job: install what its project needs, then run its tests."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

from api.jobs.project.environment import Installation, in_folder, installation_step, prepared, tool_of
from api.jobs.project.job_options import JobOptions
from api.jobs.project.python_runtime import ENVIRONMENT, REPORT, VIRTUAL_ENVIRONMENT, PythonRuntime
from api.jobs.supervisor.spec import Step
from api.sandbox.sandbox import WORKSPACE, Mount

RUNNING = "Running tests...\n"
REPORT_OPTIONS = ("--junitxml", "--junit-xml")


def steps_for(installation: Installation, options: JobOptions, runtime: PythonRuntime) -> tuple[Step, ...]:
    """The steps for a project that declares this."""
    install = installation_step(installation, options.command, options, runtime)
    environment = {**runtime.environment, **({"VIRTUAL_ENV": VIRTUAL_ENVIRONMENT} if install is not None else {}), **options.environment}
    command = in_folder(options, prepared(with_report(options.command, WORKSPACE if options.folder else "")))
    tests = Step("tests", command, replace(options.limits, network=False), environment, RUNNING)
    return (tests,) if install is None else (install, tests)


def mounts_for(environment: Path, runtime: PythonRuntime) -> tuple[Mount, ...]:
    """What the sandboxes of a job show beside its workspace; `environment` is a folder for what is installed."""
    return (*runtime.mounts, Mount(environment, ENVIRONMENT, writable=True))


def with_report(command: tuple[str, ...], folder: str = "") -> tuple[str, ...]:
    """The command with an option for a JUnit report below the folder, where it is pytest and has none.

    PYTEST_ADDOPTS would apply to every pytest that a test starts; an argument applies to this one.
    """
    is_asked = any(word.split("=")[0] in REPORT_OPTIONS for word in command)
    return (*command, f"--junitxml={PurePosixPath(folder, REPORT)}") if tool_of(command) == "pytest" and not is_asked else command
