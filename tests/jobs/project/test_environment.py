"""The environment of a job: what is installed into it, and the Python that its tests find."""
from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from api.jobs.project.job_options import Index, JobOptions
from api.jobs.project.python_runtime import SEEDS, PythonRuntime, host_runtime, image_runtime
from api.sandbox.sandbox import Sandbox
from tests.jobs.attempts import LIMITS, USER, Bench
from tests.jobs.project.zips import honest
from tests.jobs.wheels import USING_GREETING, write_greeting
from tests.parts import need

OPTIONS = JobOptions(limits=replace(LIMITS, workspace_bytes=256 << 20))


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> PythonRuntime:
    return host_runtime(tmp_path_factory.mktemp("kit"))


@pytest.fixture
def sandboxed(bubblewrap: Sandbox, tmp_path: Path) -> Bench:
    need("bwrap")
    return Bench(bubblewrap, tmp_path)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    made = tmp_path / "cache"
    made.mkdir()
    os.chown(made, USER, USER)
    return made


def run(
    sandboxed: Bench, runtime: PythonRuntime, tmp_path: Path, options: JobOptions, files: dict[str, str], cache: Path | None = None,
) -> tuple[int | None, str]:
    """Run a project; the exit code and the log."""
    project = tmp_path / "project.zip"
    project.write_bytes(honest({name: text.encode() for name, text in files.items()}))
    ran = sandboxed.run_project(project, options, runtime, cache=cache)
    sandboxed.clear()
    return ran


def test_a_projects_tests_are_run_by_a_pytest_that_is_installed_for_them(sandboxed: Bench, runtime: PythonRuntime, tmp_path: Path) -> None:
    code, log = run(sandboxed, runtime, tmp_path, OPTIONS, {"test_a.py": "def test_good(): pass\ndef test_bad(): assert False\n"})

    assert code == 1
    assert "Running tests...\n" in log
    assert "test_a.py::test_good PASSED" in log and "test_a.py::test_bad FAILED" in log


def test_a_job_sees_neither_the_server_nor_what_is_installed_beside_it(sandboxed: Bench, runtime: PythonRuntime, tmp_path: Path) -> None:
    looking = (
        "import importlib.util, subprocess, sys\nfor name in ('api', 'sqlalchemy', 'flask', 'hypothesis'):\n"
        "    assert importlib.util.find_spec(name) is None, name\n")
    testing = looking + "def test_all():\n    subprocess.run(['python3', '-c', open(__file__).read()], check=True)\n"

    bare, bare_log = run(sandboxed, runtime, tmp_path, replace(OPTIONS, command=("python", "look.py")), {"look.py": looking})
    code, log = run(sandboxed, runtime, tmp_path, OPTIONS, {"test_look.py": testing})

    assert (bare, code) == (0, 0), bare_log + log


def test_the_project_is_installed_and_found_however_its_python_is_started(sandboxed: Bench, runtime: PythonRuntime, tmp_path: Path) -> None:
    project = (
        "[build-system]\nrequires = ['setuptools']\nbuild-backend = 'setuptools.build_meta'\n[project]\nname = 'own'\nversion = '3'\n"
        "[project.scripts]\nown = 'own:main'\n[project.optional-dependencies]\ntest = ['iniconfig']\n")
    testing = (
        "import subprocess, sys\ndef said(*command): return subprocess.run(command, env={}, check=True, capture_output=True).stdout\n"
        "def test_isolated(): assert said(sys.executable, '-Ic', 'import own, iniconfig; own.main()') == b'own\\n'\n"
        "def test_script(): assert said(sys.prefix + '/bin/own') == b'own\\n'\n")

    code, log = run(sandboxed, runtime, tmp_path, OPTIONS, {
        "pyproject.toml": project, "src/own/__init__.py": "def main(): print('own')\n", "tests/test_own.py": testing})

    assert code == 0, log
    assert "1. pyproject.toml: the project itself, editable, with the extra test\n2. pytest" in log


def test_a_submitted_project_stands_before_a_package_of_its_name(sandboxed: Bench, runtime: PythonRuntime, tmp_path: Path) -> None:
    write_greeting(tmp_path / "wheels")
    script = "import setuptools\nsetuptools.setup(name='greeting', version='0.1', py_modules=['greeting'])\n"

    code, log = run(sandboxed, runtime, tmp_path, replace(OPTIONS, wheelhouse=tmp_path / "wheels"), {
        "setup.py": script, "greeting.py": "OWN = True\n", "requirements.txt": "greeting\n",
        "tests/test_own.py": "import greeting\ndef test_own(): assert greeting.OWN\n"})

    assert code == 0, log
    assert "greeting==0.1 (from file:///workspace)" in log


def test_what_a_wheelhouse_has_is_installed_and_found(sandboxed: Bench, runtime: PythonRuntime, tmp_path: Path) -> None:
    options = replace(OPTIONS, wheelhouse=tmp_path / "wheels")
    write_greeting(tmp_path / "wheels")

    code, log = run(sandboxed, runtime, tmp_path, options, {
        "requirements.txt": "greeting\n", "test_a.py": USING_GREETING})

    assert code == 0, log
    assert log.index("Installing dependencies...") < log.index("+ greeting==1.0") < log.index("Running tests...")


@contextmanager
def index(folder: Path, runtime: PythonRuntime) -> Iterator[str]:
    """An index of two versions of a package, and of what this server has for jobs; its address."""
    for version in ("1.0", "2.0"):
        write_greeting(folder / "greeting", version)
    seeds = next(mount.source for mount in runtime.mounts if mount.target == SEEDS)
    for wheel in seeds.glob("*.whl"):
        (folder / wheel.name.partition("-")[0]).mkdir(exist_ok=True)
        shutil.copy(wheel, folder / wheel.name.partition("-")[0])
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


LOCKING = {
    "pyproject.toml": (
        "[build-system]\nrequires = ['setuptools']\nbuild-backend = 'setuptools.build_meta'\n[tool.setuptools]\npy-modules = []\n"
        "[project]\nname = 'own'\nversion = '3'\nrequires-python = '>=3.9'\ndependencies = ['greeting']\n"),
    "uv.lock": (
        "version = 1\nrequires-python = '>=3.9'\n[[package]]\nname = 'own'\nversion = '3'\nsource = { editable = '.' }\n"
        "dependencies = [{ name = 'greeting' }]\n[package.metadata]\nrequires-dist = [{ name = 'greeting' }]\n"
        "[[package]]\nname = 'greeting'\nversion = '1.0'\nsource = { registry = 'https://index.example.org/simple' }\n"
        "wheels = [{ url = 'https://index.example.org/greeting-1.0-py3-none-any.whl' }]\n"),
    "look.py": "import importlib.metadata\nprint('version', importlib.metadata.version('greeting'))\n"}


@pytest.mark.parametrize(("left_out", "version"), [(None, "1.0"), ("uv.lock", "2.0")])
def test_the_versions_of_a_lock_hold(
    sandboxed: Bench, runtime: PythonRuntime, tmp_path: Path, left_out: str | None, version: str,
) -> None:
    files = {name: text for name, text in LOCKING.items() if name != left_out}

    with index(tmp_path / "index", runtime) as url:
        options = replace(OPTIONS, command=("python", "look.py"), install_network=True, index=Index(url))
        code, log = run(sandboxed, runtime, tmp_path, options, files)

    assert code == 0, log
    assert f"\nversion {version}\n" in log


@pytest.mark.verify
def test_without_an_index_a_lock_does_not_hold(sandboxed: Bench, runtime: PythonRuntime, tmp_path: Path) -> None:
    write_greeting(tmp_path / "wheels", "2.0")
    options = replace(OPTIONS, command=("python", "look.py"), wheelhouse=tmp_path / "wheels")

    code, log = run(sandboxed, runtime, tmp_path, options, LOCKING)

    assert code == 0, log
    assert "\nversion 2.0\n" in log


def test_what_cannot_be_installed_is_said_and_ends_the_job(sandboxed: Bench, runtime: PythonRuntime, tmp_path: Path) -> None:
    code, log = run(sandboxed, runtime, tmp_path, OPTIONS, {"requirements.txt": "greeting\n", "test_a.py": "def test_a(): pass\n"})

    assert code == 1
    assert "can be installed on this server" in log and "greeting was not found" in log
    assert "Running tests..." not in log


def test_the_last_line_says_what_to_declare_when_an_import_fails(sandboxed: Bench, runtime: PythonRuntime, tmp_path: Path) -> None:
    code, log = run(sandboxed, runtime, tmp_path, OPTIONS, {"test_a.py": "import yaml\ndef test_a(): pass\n"})

    assert code == 2
    assert "has the module yaml: declare PyYAML in an extra" in log.splitlines()[-1]


OWN = {
    "setup.py": (
        "import re, setuptools\nversion = re.search('[0-9]+', open('own/about.py').read())[0]\n"
        "setuptools.setup(name='own', version=version, packages=['own'], entry_points={'console_scripts': ['own = own:main']})\n"),
    "own/__init__.py": "def main(): print('own')\n", "own/about.py": "__version__ = '3'\n",
    "tests/test_own.py": (
        "import importlib.metadata, subprocess, sys, own.about\n"
        "def test_own():\n    assert importlib.metadata.version('own') == own.about.__version__\n"
        "    assert subprocess.run([sys.prefix + '/bin/own'], capture_output=True, text=True).stdout == 'own\\n'\n"
        "def test_spoil():\n    open(own.__file__, 'a').write('spoilt\\n')\n    open(sys.prefix + '/bin/own', 'w').write('spoilt\\n')\n")}
TAKEN = "Taken as it was built before.\n"


def test_no_test_can_write_into_the_cache(bubblewrap: Sandbox, runtime: PythonRuntime, tmp_path: Path, cache: Path) -> None:
    spoiling = (
        "import os, pathlib, pytest\ndef test_a():\n    assert not os.path.exists('/opt/ci/cache')\n"
        "    assert pathlib.Path(pytest.__file__).stat().st_nlink == 1\n    pathlib.Path(pytest.__file__).write_text('spoilt')\n")

    first, _ = run(Bench(bubblewrap, tmp_path / "1"), runtime, tmp_path, OPTIONS, {"test_a.py": spoiling}, cache)
    second, log = run(Bench(bubblewrap, tmp_path / "2"), runtime, tmp_path, OPTIONS, {"test_a.py": "def test_a(): pass\n"}, cache)

    assert (first, second) == (0, 0), log


@pytest.mark.verify
def test_an_environment_is_taken_as_it_was_built_while_its_build_can_come_to_nothing_else(
    sandboxed: Bench, runtime: PythonRuntime, tmp_path: Path, cache: Path,
) -> None:
    changed = {**OWN, "own/__init__.py": "def main():\n    print('own')\n", "tests/test_more.py": "def test_more(): pass\n"}
    newer = {**OWN, "own/about.py": "__version__ = '4'\n"}

    first, first_log = run(sandboxed, runtime, tmp_path, OPTIONS, OWN, cache)
    again, again_log = run(sandboxed, runtime, tmp_path, OPTIONS, OWN, cache)
    listed, listed_log = run(sandboxed, runtime, tmp_path, OPTIONS, changed, cache)
    after, after_log = run(sandboxed, runtime, tmp_path, OPTIONS, newer, cache)

    assert (first, again, listed, after) == (0, 0, 0, 0), first_log + again_log + listed_log + after_log
    # Another list of files may make another package of it.
    assert [TAKEN in log for log in (first_log, again_log, listed_log, after_log)] == [False, True, False, False]
    assert "+ own==3 (from file:///workspace)" in again_log and "+ own==4 (from file:///workspace)" in after_log


@pytest.mark.verify
def test_a_change_that_no_build_depends_on_takes_the_same_environment(
    sandboxed: Bench, runtime: PythonRuntime, tmp_path: Path, cache: Path,
) -> None:
    run(sandboxed, runtime, tmp_path, OPTIONS, OWN, cache)

    code, log = run(sandboxed, runtime, tmp_path, OPTIONS, {**OWN, "own/__init__.py": "def main():\n    print('own')\n"}, cache)

    assert code == 0, log
    assert TAKEN in log


def test_what_a_build_leaves_among_the_files_is_there_again_and_of_the_same_files_alone(
    sandboxed: Bench, runtime: PythonRuntime, tmp_path: Path, cache: Path,
) -> None:
    writing = "text = open('own/__init__.py').read()\nopen('own/made.py', 'w').write(f'made = {text!r}')\n"
    testing = "from own.made import made\ndef test_made(): assert made == open('own/__init__.py').read()\n"
    writes = {**OWN, "setup.py": writing + OWN["setup.py"], "tests/test_own.py": testing}

    ran = [
        run(sandboxed, runtime, tmp_path, OPTIONS, files, cache)
        for files in (writes, writes, {**writes, "own/__init__.py": "def main():\n    print('own')\n"})]

    assert [code for code, _ in ran] == [0, 0, 0], ran
    assert [TAKEN in log for _, log in ran] == [False, True, False]


def test_a_kit_is_made_once_and_says_what_it_lacks(tmp_path: Path) -> None:
    first, second = host_runtime(tmp_path), host_runtime(tmp_path)

    assert first == second
    assert first.missing == ()
    assert len([each for each in os.listdir(tmp_path)]) == 1


def test_in_a_container_the_images_own_python_is_used(container: Sandbox, tmp_path: Path) -> None:
    sandboxed = Bench(container, tmp_path)

    looking = "import sys\ndef test_a(): assert sys.base_prefix == '/usr' and sys.prefix == '/opt/ci/env/venv'\n"

    code, log = run(sandboxed, image_runtime(tmp_path / "kit"), tmp_path, OPTIONS, {"test_a.py": looking})

    assert code == 0, log
