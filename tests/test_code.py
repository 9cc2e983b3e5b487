"""The code keeps the rules of style, types and imports; their programs are told in ruff.toml and setup.cfg what those are."""
from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.e2e.processes import ROOT, finished

CHECKS = {
    "style": ("ruff", "check", "."),
    "types": ("mypy", "api", "ci_client", "ci_server", "contract"),
    "imports": ("lint-imports",),
}

# Prints the files of what a machine imports on Windows.
WINDOWS = (
    "import importlib, sys, tests.without_posix as it; it.install()\nfor each in ('cli', 'commands.machine'): "
    "importlib.import_module(f'api.{each}')\nprint(*(sys.modules[name].__file__ for name in sys.modules if name.split('.')[0] == 'api'))")


@pytest.mark.parametrize("check", CHECKS)
def test_the_code_keeps_the_rules(check: str) -> None:
    program, *arguments = CHECKS[check]

    done = finished((str(Path(sys.executable).with_name(program)), *arguments), {}, folder=ROOT)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.verify
def test_the_types_of_all_that_a_machine_imports_on_windows_are_right_there() -> None:
    modules = finished((sys.executable, "-c", WINDOWS), {}, folder=ROOT)
    assert modules.returncode == 0, modules.stderr

    done = finished(
        (str(Path(sys.executable).with_name("mypy")), "--platform", "win32", "--cache-dir", ".mypy_cache/windows", *modules.stdout.split()),
        {}, folder=ROOT)

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_machine_imports_neither_a_database_nor_the_server() -> None:
    program = (
        "import sys, api.cli, api.commands.machine; from api.config import Settings; "
        "Settings.from_environment({}); print('\\n'.join(sys.modules))")

    modules = finished((sys.executable, "-c", program), {}, folder=ROOT).stdout.split()

    assert {"sqlalchemy", "pymysql", "flask", "werkzeug", "starlette", "connexion", "jinja2", "google"}.isdisjoint(modules)
    assert {"api.storage", "api.services", "api.specfirst", "api.installation"}.isdisjoint(modules)
    assert "api.jobs.agent.agent" in modules


def test_a_server_imports_no_large_library_that_it_does_not_need() -> None:
    program = "import sys, api.commands.serve, api.diffs.pool; print('\\n'.join(sys.modules))"

    modules = finished((sys.executable, "-c", program), {}, folder=ROOT).stdout.split()

    assert {"alembic", "cryptography", "google.cloud.storage", "pygit2", "pymysql", "redis"}.isdisjoint(modules)
    assert "api.server" in modules
