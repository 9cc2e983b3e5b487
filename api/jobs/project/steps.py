"""The steps of a job: install the project's requirements, then run its tests."""
from __future__ import annotations

import stat
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from api.jobs.project.job_options import JobOptions
from api.jobs.project.python_runtime import DEPENDENCIES, MOUNT_POINT, REPORT, PythonRuntime
from api.jobs.supervisor.spec import Step
from api.sandbox.sandbox import Mount

REQUIREMENTS = "requirements.txt"
WHEELHOUSE = f"{MOUNT_POINT}/wheelhouse"
INSTALLING = "Installing dependencies...\n"
RUNNING = "Running tests...\n"
NOTHING_TO_INSTALL_FROM = (
    "Nothing can be installed on this server: it has no folder of packages (CI_JOB_WHEELHOUSE), and no network for installing "
    "(CI_JOB_INSTALL_NETWORK). What is there already is enough for tests that need pytest alone.\n")
PIP = (
    "python", "-m", "pip", "install", "--disable-pip-version-check", "--no-cache-dir", "--no-input", "--progress-bar", "off",
    "--no-warn-script-location", "--root-user-action", "ignore")
PYTEST = (("python", "-m", "pytest"), ("python3", "-m", "pytest"), ("pytest",))
REPORT_OPTIONS = ("--junitxml", "--junit-xml")


def steps_for(workspace: Path, options: JobOptions, runtime: PythonRuntime) -> tuple[Step, ...]:
    """The steps for a project as it was unpacked."""
    tests = Step("tests", with_report(options.command), replace(options.limits, network=False), dict(runtime.environment), RUNNING)
    return (_installation(options, runtime), tests) if _has_requirements(workspace) else (tests,)


def mounts_for(options: JobOptions, runtime: PythonRuntime) -> tuple[Mount, ...]:
    """What the sandboxes of a job show beside its workspace."""
    wheelhouse = [Mount(options.wheelhouse, WHEELHOUSE)] if options.wheelhouse is not None else []
    return (*runtime.mounts, *wheelhouse)


def with_report(command: tuple[str, ...]) -> tuple[str, ...]:
    """The command with an option for a JUnit report, where it is pytest and has none.

    PYTEST_ADDOPTS would apply to every pytest that a test starts; an argument applies to this one.
    """
    is_pytest = any(command[:len(each)] == each for each in PYTEST)
    is_asked = any(word.split("=")[0] in REPORT_OPTIONS for word in command)
    return (*command, f"--junitxml={REPORT}") if is_pytest and not is_asked else command


def _installation(options: JobOptions, runtime: PythonRuntime) -> Step:
    limits, environment = replace(options.limits, network=options.install_network), runtime.with_installer()
    target = ("--target", DEPENDENCIES, "--requirement", REQUIREMENTS)
    sources = () if options.wheelhouse is None else ("--find-links", WHEELHOUSE)
    if options.install_network:
        return Step("dependencies", (*PIP, *sources, *target), limits, environment, INSTALLING)
    if sources:
        return Step("dependencies", (*PIP, "--no-index", *sources, *target), limits, environment, INSTALLING)
    # Without a target pip accepts installed packages, and reports what is missing.
    check = (*PIP, "--no-index", "--no-user", "--dry-run", "--requirement", REQUIREMENTS)
    return Step("dependencies", check, limits, environment, INSTALLING + NOTHING_TO_INSTALL_FROM)


def _has_requirements(workspace: Path) -> bool:
    with suppress(OSError):
        return stat.S_ISREG((workspace / REQUIREMENTS).lstat().st_mode)
    return False
