"""The steps of a job, and the Python that they find."""
from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from api.jobs.project.job_options import JobOptions
from api.jobs.project.python_runtime import PythonRuntime, host_runtime, image_runtime
from api.jobs.project.steps import mounts_for, steps_for, with_report
from api.jobs.supervisor.spec import Step
from api.sandbox.sandbox import Mount, Sandbox
from tests.jobs.attempts import LIMITS, Bench
from tests.jobs.wheels import USING_GREETING, write_greeting
from tests.parts import need

OPTIONS = JobOptions(limits=LIMITS)


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> PythonRuntime:
    return host_runtime(tmp_path_factory.mktemp("kit"))


@pytest.fixture
def sandboxed(bubblewrap: Sandbox, tmp_path: Path) -> Bench:
    need("bwrap")
    return Bench(bubblewrap, tmp_path)


def project(folder: Path, requirements: str | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    if requirements is not None:
        (folder / "requirements.txt").write_text(requirements)
    return folder


def steps(tmp_path: Path, options: JobOptions = OPTIONS, requirements: str | None = "x") -> list[Step]:
    return list(steps_for(project(tmp_path / "project", requirements), options, image_runtime(tmp_path / "kit")))


def test_without_requirements_the_tests_are_all(tmp_path: Path) -> None:
    assert [(step.name, step.heading) for step in steps(tmp_path, requirements=None)] == [("tests", "Running tests...\n")]


def test_requirements_are_installed_first(tmp_path: Path) -> None:
    found = steps(tmp_path)

    assert [step.name for step in found] == ["dependencies", "tests"]
    assert found[0].heading.startswith("Installing dependencies...\n")


def test_requirements_that_are_a_link_are_none(tmp_path: Path) -> None:
    project(tmp_path / "project")
    (tmp_path / "project" / "requirements.txt").symlink_to("/etc/passwd")

    assert [step.name for step in steps(tmp_path, requirements=None)] == ["tests"]


def test_only_installing_may_use_the_network_and_only_where_that_is_allowed(tmp_path: Path) -> None:
    allowed = steps(tmp_path, replace(OPTIONS, install_network=True, limits=replace(LIMITS, network=True)))
    forbidden = steps(tmp_path, replace(OPTIONS, limits=replace(LIMITS, network=True)))

    assert [step.limits.network for step in (*allowed, *forbidden)] == [True, False, False, False]


def test_a_wheelhouse_is_shown_read_only(tmp_path: Path) -> None:
    options = replace(OPTIONS, wheelhouse=tmp_path / "wheels")

    assert mounts_for(options, PythonRuntime()) == (Mount(tmp_path / "wheels", "/opt/ci/wheelhouse"),)
    assert "--no-index" in steps(tmp_path, options)[0].command


@pytest.mark.parametrize("command", [("python", "-m", "pytest", "-v"), ("pytest",), ("python3", "-m", "pytest")])
def test_pytest_is_asked_for_a_report(command: tuple[str, ...]) -> None:
    assert with_report(command) == (*command, "--junitxml=.ci-job/junit.xml")


@pytest.mark.parametrize("command", [
    ("make", "test"), ("pytest", "--junitxml=a.xml"), ("pytest", "--junit-xml", "a.xml"), ("python", "pytest")])
def test_other_commands_are_run_as_they_are(command: tuple[str, ...]) -> None:
    assert with_report(command) == command


def run(sandboxed: Bench, runtime: PythonRuntime, tmp_path: Path, options: JobOptions, files: dict[str, str]) -> tuple[int | None, str]:
    """Run the steps of a project; the exit code and the log."""
    seed = project(tmp_path / "seed")
    for name, content in files.items():
        (seed / name).write_text(content)
    ran = sandboxed.run_steps(seed, steps_for(seed, options, runtime), mounts_for(options, runtime))
    sandboxed.clear()
    return ran


def test_a_projects_tests_are_run_by_the_servers_pytest(sandboxed: Bench, runtime: PythonRuntime, tmp_path: Path) -> None:
    code, log = run(sandboxed, runtime, tmp_path, OPTIONS, {"test_a.py": "def test_good(): pass\ndef test_bad(): assert False\n"})

    assert code == 1
    assert log.startswith("Running tests...\n")
    assert "test_a.py::test_good PASSED" in log and "test_a.py::test_bad FAILED" in log


def test_a_job_sees_neither_the_server_nor_what_is_installed_beside_it(sandboxed: Bench, runtime: PythonRuntime, tmp_path: Path) -> None:
    looking = "import importlib.util\nfor name in ('api', 'sqlalchemy', 'flask'):\n    assert importlib.util.find_spec(name) is None\n"

    code, log = run(sandboxed, runtime, tmp_path, replace(OPTIONS, command=("python", "look.py")), {"look.py": looking})

    assert code == 0, log


def test_what_a_wheelhouse_has_is_installed_and_found(sandboxed: Bench, runtime: PythonRuntime, tmp_path: Path) -> None:
    options = replace(OPTIONS, wheelhouse=tmp_path / "wheels")
    write_greeting(tmp_path / "wheels")

    code, log = run(sandboxed, runtime, tmp_path, options, {
        "requirements.txt": "greeting\n", "test_a.py": USING_GREETING})

    assert code == 0, log
    assert log.index("Installing dependencies...") < log.index("Successfully installed greeting-1.0") < log.index("Running tests...")


def test_what_cannot_be_installed_is_said_and_ends_the_job(sandboxed: Bench, runtime: PythonRuntime, tmp_path: Path) -> None:
    code, log = run(sandboxed, runtime, tmp_path, OPTIONS, {"requirements.txt": "greeting\n", "test_a.py": "def test_a(): pass\n"})

    assert code == 1
    assert "Nothing can be installed on this server" in log and "No matching distribution found for greeting" in log
    assert "Running tests..." not in log


def test_requirements_that_are_met_already_need_nothing_to_install_from(sandboxed: Bench, runtime: PythonRuntime, tmp_path: Path) -> None:
    code, log = run(sandboxed, runtime, tmp_path, OPTIONS, {"requirements.txt": "pytest\n", "test_a.py": "def test_a(): pass\n"})

    assert code == 0, log


def test_a_kit_is_made_once_and_says_what_it_lacks(tmp_path: Path) -> None:
    first, second = host_runtime(tmp_path), host_runtime(tmp_path)

    assert first == second
    assert first.missing == ()
    assert len([each for each in os.listdir(tmp_path)]) == 1


def test_in_a_container_the_images_own_python_is_used(container: Sandbox, tmp_path: Path) -> None:
    sandboxed = Bench(container, tmp_path)

    options = replace(OPTIONS, command=("python", "look.py"))

    code, log = run(sandboxed, image_runtime(tmp_path / "kit"), tmp_path, options, {"look.py": "import sys\nprint(sys.executable)\n"})

    assert (code, log) == (0, "Running tests...\n/usr/bin/python3\n")
