"""Whether an agent notices that its jobs would find no Python, or no pytest."""
from __future__ import annotations

import sys
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from api.jobs.project.job_options import JobOptions
from api.jobs.project.python_runtime import TOOLS, PythonRuntime, host_runtime, image_runtime
from api.jobs.project.self_check import CheckInconclusive, SelfCheck
from api.sandbox.sandbox import Plan, Sandbox, SandboxFailure, SandboxProcess
from tests.jobs.attempts import LIMITS

OPTIONS = JobOptions(limits=LIMITS)


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> PythonRuntime:
    return host_runtime(tmp_path_factory.mktemp("kit"))


def find_problem(sandbox: Sandbox, runtime: PythonRuntime, options: JobOptions = OPTIONS) -> str | None:
    return SelfCheck(sandbox, options, runtime).find_problem(threading.Event())


def test_nothing_is_found_where_all_is_there(bubblewrap: Sandbox, runtime: PythonRuntime) -> None:
    assert find_problem(bubblewrap, runtime) is None


def test_a_sandbox_without_the_installer_is_found_out(bubblewrap: Sandbox, runtime: PythonRuntime) -> None:
    bare = PythonRuntime(
        tuple(mount for mount in runtime.mounts if mount.target != TOOLS), {"PATH": f"{sys.base_prefix}/bin:/usr/bin:/bin"})

    assert find_problem(bubblewrap, bare) == "the sandbox has no uv that runs"


@pytest.mark.parametrize("command", [("python", "-m", "pytest"), ("python", "job.py")])
def test_a_sandbox_without_python_is_found_out(bubblewrap: Sandbox, command: tuple[str, ...]) -> None:
    nothing = PythonRuntime(environment={"PATH": "/nowhere"})

    assert find_problem(bubblewrap, nothing, replace(OPTIONS, command=command)) == "the sandbox has no python that runs"


def test_of_other_commands_nothing_is_known_without_a_project(bubblewrap: Sandbox) -> None:
    assert find_problem(bubblewrap, PythonRuntime(), replace(OPTIONS, command=("./run-tests",))) is None


def test_the_image_of_this_host_has_all(container: Sandbox, tmp_path: Path) -> None:
    assert find_problem(container, image_runtime(tmp_path / "kit")) is None


@dataclass
class Repaired:
    """A sandbox that fails at first, and is another from the third launch on."""

    sandbox: Sandbox
    launches: int = 0
    name: str = "repaired"
    refused: list[Plan] = field(default_factory=list)

    def launch(self, plan: Plan) -> SandboxProcess:
        self.launches += 1
        if self.launches == 1:
            raise SandboxFailure("the engine is being restarted")
        return self.sandbox.launch(replace(plan, environment={**plan.environment, "PATH": "/nowhere"}) if self.launches < 4 else plan)


def test_a_sandbox_that_fails_is_tried_again_and_one_that_was_mended_is_noticed(bubblewrap: Sandbox, runtime: PythonRuntime) -> None:
    told: list[str | None] = []
    sandbox, stopping = Repaired(bubblewrap), threading.Event()
    self_check = SelfCheck(sandbox, OPTIONS, runtime)  # type: ignore[arg-type]

    with pytest.raises(CheckInconclusive):
        self_check.repeat(told.append, stopping)
    for _ in range(3):
        self_check.repeat(told.append, stopping)
    launches = sandbox.launches
    self_check.repeat(told.append, stopping)

    assert told == ["the sandbox has no python that runs", None]
    assert sandbox.launches == launches


def test_a_failure_of_the_sandbox_itself_is_no_verdict(bubblewrap: Sandbox, runtime: PythonRuntime) -> None:
    with pytest.raises(CheckInconclusive, match="being restarted"):
        find_problem(Repaired(bubblewrap), runtime)  # type: ignore[arg-type]


def test_a_trial_ends_with_its_agent(bubblewrap: Sandbox, runtime: PythonRuntime) -> None:
    told: list[str | None] = []
    stopping = threading.Event()
    stopping.set()

    SelfCheck(bubblewrap, OPTIONS, runtime).repeat(told.append, stopping)

    assert told == []
