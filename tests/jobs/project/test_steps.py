"""The steps of a job: what each runs, and what it is shown."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from api.domain.jobs.declarations import Declaration, Declared
from api.domain.jobs.project_digests import Digests
from api.jobs.project.environment import Installation
from api.jobs.project.job_options import Index, JobOptions
from api.jobs.project.python_runtime import PythonRuntime, image_runtime
from api.jobs.project.steps import steps_for, with_report
from api.jobs.supervisor.spec import Step
from api.sandbox.sandbox import Mount
from tests.jobs.attempts import LIMITS

DIGESTS = Digests("declaring", "building", "exact")
OPTIONS = JobOptions(limits=replace(LIMITS, workspace_bytes=256 << 20))


def steps(tmp_path: Path, options: JobOptions = OPTIONS, *words: str) -> list[Step]:
    declared = Declared((Declaration(words, "a file"),) if words else ())
    return list(steps_for(Installation(declared, DIGESTS), options, image_runtime(tmp_path / "kit")))


def test_a_program_of_a_project_that_declares_nothing_is_run_at_once(tmp_path: Path) -> None:
    found = steps(tmp_path, replace(OPTIONS, command=("python", "job.py")))

    assert [(step.name, step.heading) for step in found] == [("tests", "Running tests...\n")]


def test_what_is_installed_is_listed_in_its_order_and_installed_first(tmp_path: Path) -> None:
    found = steps(tmp_path, OPTIONS, "-r", "requirements.txt")

    assert [step.name for step in found] == ["dependencies", "tests"]
    assert found[0].heading.startswith("Installing dependencies...\n")
    assert found[0].heading.endswith("1. a file\n2. pytest, which is the command\n")
    assert found[0].command[-3:] == ("-r", "requirements.txt", "pytest")


def test_only_installing_may_use_the_network_and_only_where_that_is_allowed(tmp_path: Path) -> None:
    allowed = steps(tmp_path, replace(OPTIONS, install_network=True, limits=replace(LIMITS, network=True)))
    forbidden = steps(tmp_path, replace(OPTIONS, limits=replace(LIMITS, network=True)))

    assert [step.limits.network for step in (*allowed, *forbidden)] == [True, False, False, False]


def test_only_installing_is_shown_the_wheelhouse_and_the_cache(tmp_path: Path) -> None:
    options = replace(OPTIONS, wheelhouse=tmp_path / "wheels")
    wanted = Installation(Declared(), DIGESTS, tmp_path / "cache")

    install, tests = steps_for(wanted, options, PythonRuntime())

    assert install.mounts == (
        Mount(tmp_path / "cache", "/opt/ci/cache", writable=True), Mount(tmp_path / "wheels", "/opt/ci/wheelhouse"))
    assert tests.mounts == ()
    assert install.environment["UV_NO_INDEX"] == "1"


def test_the_index_its_certificates_and_the_proxy_are_for_installing_alone(tmp_path: Path) -> None:
    index = Index("https://name:secret@index.example", ("https://more.example",), tmp_path / "ca.pem", "http://proxy.example:3128")

    install, tests = steps(tmp_path, replace(OPTIONS, install_network=True, index=index))

    wanted = {
        "UV_DEFAULT_INDEX": index.url, "PIP_INDEX_URL": index.url, "UV_INDEX": "https://more.example",
        "PIP_EXTRA_INDEX_URL": "https://more.example", "HTTPS_PROXY": index.proxy, "https_proxy": index.proxy,
        "SSL_CERT_FILE": "/opt/ci/certificates.pem", "PIP_CERT": "/opt/ci/certificates.pem"}
    assert wanted.items() <= install.environment.items()
    assert not wanted.keys() & tests.environment.keys()
    assert "secret" not in install.heading + "".join(install.command)


@pytest.mark.parametrize(("command", "prepares", "runs"), [
    (("tox", "-e", "py"), "env TOX_NOTEST=true tox -e py", ("env", "TOX_SKIP_PKG_INSTALL=true", "tox", "-e", "py")),
    (("python", "-m", "nox"), "nox --install-only", ("nox", "--reuse-existing-virtualenvs", "--no-install")),
    (("make", "test"), "", ("make", "test")),
])
def test_what_runs_environments_of_its_own_makes_them_while_there_is_a_network(
    tmp_path: Path, command: tuple[str, ...], prepares: str, runs: tuple[str, ...],
) -> None:
    install, tests = steps(tmp_path, replace(OPTIONS, command=command), "x")

    assert prepares in install.command
    assert tests.command == runs


@pytest.mark.parametrize("command", [("python", "-m", "pytest", "-v"), ("pytest",), ("python3", "-m", "pytest")])
def test_pytest_is_asked_for_a_report(command: tuple[str, ...]) -> None:
    assert with_report(command) == (*command, "--junitxml=.ci-job/junit.xml")


@pytest.mark.parametrize("command", [
    ("make", "test"), ("pytest", "--junitxml=a.xml"), ("pytest", "--junit-xml", "a.xml"), ("python", "pytest")])
def test_other_commands_are_run_as_they_are(command: tuple[str, ...]) -> None:
    assert with_report(command) == command
