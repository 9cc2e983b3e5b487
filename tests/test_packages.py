"""What is installed: two packages, the server and the client, each with its own parts and nothing else."""
from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from configparser import ConfigParser
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.e2e.processes import ROOT, finished

NOT_COPIED = shutil.ignore_patterns(".*", "instance", "build", "dist", "*.egg-info", "__pycache__")
PIN = re.compile(r"^\w[\w.-]*==[^ ]+", re.MULTILINE)
TRIED, VERSION = re.compile(r"^ *python-version: (.*)$", re.MULTILINE), re.compile(r"\"([^\"]+)\"")
EVERY_PYTHON = "Programming Language :: Python :: 3."


@dataclass(frozen=True)
class Wheel:
    """A built package, and the folder that it is unpacked into."""

    folder: Path
    metadata: Message
    commands: dict[str, str]

    @property
    def files(self) -> set[str]:
        """Its files, without those that describe it."""
        found = (path.relative_to(self.folder) for path in self.folder.rglob("*") if path.is_file())
        return {str(path) for path in found if not path.parts[0].endswith(".dist-info")}

    @property
    def requirements(self) -> set[str]:
        """The packages that it always needs."""
        needed = map(Requirement, self.metadata.get_all("Requires-Dist", []))
        return {each.name for each in needed if "extra" not in str(each.marker)}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout, without what is no part of it."""
    folder = tmp_path_factory.mktemp("packages") / "source"
    shutil.copytree(ROOT, folder, ignore=NOT_COPIED)
    return folder


@pytest.fixture(scope="module")
def server(source: Path) -> Wheel:
    """What `pip install .` installs."""
    return built(source, ".", source.with_name("server"))


@pytest.fixture(scope="module")
def client(source: Path) -> Wheel:
    """What `pip install ./ci_client` installs."""
    return built(source, "ci_client", source.with_name("client"))


def built(source: Path, project: str, folder: Path) -> Wheel:
    """The wheel of a project, built in a copy, since building leaves files behind; pip is to print nothing."""
    copy, wheels = folder.with_name(f"{folder.name}-source"), folder.with_name(f"{folder.name}-wheel")
    shutil.copytree(source, copy)
    words = ("--quiet", "--no-index", "--no-deps", "--no-build-isolation", f"--wheel-dir={wheels}", str(copy / project))
    said = subprocess.run([sys.executable, "-m", "pip", "wheel", *words], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout + said.stderr) == (0, "")
    [wheel] = wheels.iterdir()
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder)
    [described] = folder.glob("*.dist-info")
    commands = ConfigParser()
    commands.read(described / "entry_points.txt")
    return Wheel(folder, Parser().parsestr((described / "METADATA").read_text()), dict(commands["console_scripts"]))


def files_below(source: Path, *packages: str) -> Iterator[str]:
    for package in packages:
        yield from (str(path.relative_to(source)) for path in (source / package).rglob("*") if path.is_file())


def test_the_server_has_all_files_of_its_two_packages_and_no_others(source: Path, server: Wheel) -> None:
    assert server.files == set(files_below(source, "api", "ci_server"))
    assert server.commands == {"ci-api": "api.cli:main"}


def test_the_client_has_its_own_files_alone(source: Path, client: Wheel) -> None:
    parts = {name for name in files_below(source, "ci_client") if name.endswith(".py")}

    assert client.files == {*parts, "ci_client/py.typed"}
    assert client.commands == {"ci": "ci_client.command:main"}


def test_the_client_needs_few_packages_and_none_of_the_servers_frameworks(client: Wheel) -> None:
    assert client.requirements == {"httpx", "pathspec", "tqdm"}


@pytest.mark.parametrize("program", ["api.cli", "ci_client.command"])
def test_a_package_works_where_it_is_unpacked_without_the_other(program: str, server: Wheel, client: Wheel, tmp_path: Path) -> None:
    wheel, other = (server, client) if program == "api.cli" else (client, server)
    hidden = tmp_path / "sitecustomize.py"
    hidden.write_text(f"import sys\nsys.modules.update(dict.fromkeys({sorted({name.split('/')[0] for name in other.files})}))\n")
    path = f"{wheel.folder}:{tmp_path}"

    said = finished((sys.executable, "-m", program, "--version"), {"PYTHONPATH": path}, folder=tmp_path)

    [command] = wheel.commands
    assert (said.returncode, said.stdout, said.stderr) == (0, f"{command} {wheel.metadata['Version']}\n", "")


def test_both_are_for_the_same_pythons(server: Wheel, client: Wheel) -> None:
    ours, theirs = (
        (wheel.metadata["Requires-Python"], [each for each in wheel.metadata.get_all("Classifier", []) if each.startswith(EVERY_PYTHON)])
        for wheel in (server, client))

    assert ours == theirs
    assert len(ours[1]) > 0


def test_every_python_that_is_named_is_tried(server: Wheel) -> None:
    workflow = (ROOT / ".github/workflows/ci.yml").read_text()
    tried = {version for line in TRIED.findall(workflow) for version in VERSION.findall(line)}

    assert {each.rpartition(" ")[2] for each in server.metadata.get_all("Classifier", []) if each.startswith(EVERY_PYTHON)} == tried


def test_both_are_built_by_the_same_tool(source: Path) -> None:
    ours, theirs = (tomllib.loads((source / file).read_text())["build-system"] for file in ("pyproject.toml", "ci_client/pyproject.toml"))

    assert ours == theirs


def test_the_smaller_lock_pins_all_that_both_packages_need(server: Wheel, client: Wheel) -> None:
    needed = {each.lower() for each in server.requirements | client.requirements}

    assert needed <= {pin.partition("==")[0] for pin in pins("requirements.lock")}


def test_what_runs_is_what_is_tested() -> None:
    assert pins("requirements.lock") | pins("requirements-kubernetes.lock") <= pins("requirements-test.lock")


def pins(lock: str) -> set[str]:
    """The packages of a lock with their versions."""
    return set(PIN.findall((ROOT / lock).read_text()))
