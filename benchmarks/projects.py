"""Whether real projects run as jobs as they run at home: the outcome of each of their tests.

    python -m benchmarks.projects [NAME | NAME==VERSION …] [--again] [--keep FOLDER]

Takes the projects of `projects.txt` from the package index, as uv is configured to reach it, and keeps nothing of them. At home means: a
plain virtual environment, without root's rights and without a network while the tests run, so that they reach nobody. Needs root and
bubblewrap, as an agent does that gives each slot a user of its own.
"""
from __future__ import annotations

import argparse
import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4
from xml.etree import ElementTree

import httpx

from api.domain.jobs.archive_check import ArchiveLimits
from api.domain.jobs.declarations import LOCK
from api.host.slots import Slot
from api.jobs.files import JobFiles
from api.jobs.project.environment import EXPORT, Installation
from api.jobs.project.job_options import JobOptions
from api.jobs.project.package_caches import PackageCaches
from api.jobs.project.python_runtime import REPORT, PythonRuntime, host_runtime, installer_program
from api.jobs.project.steps import mounts_for, steps_for
from api.jobs.project.unpack import Unpacked, unpack
from api.jobs.project.workspaces import Workspaces
from api.jobs.supervisor.spec import Spec
from api.jobs.supervisor.start import start_supervisor
from api.sandbox.choice import find_bubblewrap
from api.sandbox.limits import Limits
from api.sandbox.linux.bubblewrap import Bubblewrap

LIST = Path(__file__).with_name("projects.txt")
USER = 1_899_000_000
PYTHON = str(getattr(sys, "_base_executable", sys.executable))
# Takes root's rights away, which jobs do not have either; the name stays, since its Python may lie where others may not look.
WITHOUT_RIGHTS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
SECONDS = 900
OPTIONS = JobOptions(install_network=True, limits=Limits(seconds=SECONDS, memory_bytes=2 << 30))
TEST = ("python", "-m", "pytest", "-v")
Outcomes = Mapping[tuple[str, str], str]


@dataclass(frozen=True)
class Ran:
    """How a project ran in one place: its tests' outcomes, the exit code, and the seconds until its tests began."""

    outcomes: Outcomes
    exit_code: int | None
    ready: float


def fetch(requirement: str, folder: Path) -> Path:
    """Unpack a project's source distribution, and return its folder, above which lies nothing that pytest would look at."""
    asked = folder / "asked"
    asked.mkdir()
    project = f"[project]\nname = 'one'\nversion = '0'\nrequires-python = '>={sys.version_info[0]}.{sys.version_info[1]}'\n"
    (asked / "pyproject.toml").write_text(f"{project}dependencies = ['{requirement}']\n")
    subprocess.run([str(installer_program()), "lock", "--quiet", "--system-certs"], cwd=asked, check=True)
    name = requirement.partition("==")[0]
    package = next(each for each in tomllib.loads((asked / "uv.lock").read_text())["package"] if each["name"] == name)
    content = httpx.get(package["sdist"]["url"], follow_redirects=True, timeout=120).raise_for_status().content
    if f"sha256:{hashlib.sha256(content).hexdigest()}" != package["sdist"]["hash"]:
        raise SystemExit(f"{requirement}: the index sent something else than it says")
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        archive.extractall(folder / "source", filter="data")
    return next((folder / "source").iterdir())


def zipped(source: Path, target: Path) -> Path:
    """The project as it is submitted."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        for file in sorted(source.rglob("*")):
            if file.is_file() and not file.is_symlink():
                archive.write(file, file.relative_to(source))
    return target


def outcomes_of(report: Path) -> Outcomes:
    """Each test's outcome, by its class and name."""
    if not report.exists():
        return {}
    words = frozenset({"failure", "error", "skipped"})
    cases = ElementTree.parse(report).getroot().iter("testcase")
    return {
        (case.get("classname", ""), case.get("name", "")): next((part.tag for part in case if part.tag in words), "passed")
        for case in cases}


@dataclass(frozen=True)
class JobPlace:
    """Where projects are run as jobs, and the cache of packages for those that are run at home."""

    folder: Path
    runtime: PythonRuntime
    home_cache: Path

    @contextmanager
    def prepared(self, project: Path) -> Iterator[tuple[Unpacked, Spec]]:
        """An attempt that is ready to be started."""
        name, workspaces = str(uuid4()), Workspaces(self.folder / "work")
        workspace = workspaces.create(name, OPTIONS.limits.workspace_bytes, USER)
        try:
            unpacked = unpack(project, workspace.folder, ArchiveLimits(), user_id=USER)
            cache = PackageCaches(self.folder / "caches", most=1, size=4 << 30).open(1, Slot(0, USER, -1))
            steps = steps_for(Installation(unpacked.declared, unpacked.digests, cache), OPTIONS, self.runtime)
            sandbox = Bubblewrap(find_bubblewrap() or "").description()
            yield unpacked, Spec(name, 1, sandbox, workspace.folder, steps, mounts_for(workspace.environment, self.runtime), USER)
        finally:
            workspaces.remove(name)

    def run(self, project: Path) -> tuple[Unpacked, Ran, str]:
        """Run a project's tests; what it declares, how it ran, and its log."""
        with self.prepared(project) as (unpacked, spec):
            files = JobFiles(self.folder / "store").attempt(spec.name, 1, 1)
            files.prepare(spec.as_json(), datetime.now(UTC) + timedelta(hours=1))
            begun, ready = time.monotonic(), 0.0
            start_supervisor(files)
            while files.is_supervised():
                time.sleep(0.02)
                if not ready and files.log.exists() and b"Running tests...\n" in files.log.read_bytes():
                    ready = time.monotonic() - begun
            record = files.read_exit()
            log = files.log.read_text(errors="replace")
            return unpacked, Ran(outcomes_of(spec.workspace / REPORT), record.exit_code if record else None, ready), log


def at_home(source: Path, unpacked: Unpacked, folder: Path, cache: Path) -> Ran:
    """Run a project's tests in a plain virtual environment, without root's rights, as in jobs."""
    subprocess.run(("chown", "-R", "root", source), check=True)
    begun = time.monotonic()
    environment = {
        "PATH": f"{folder}/venv/bin:/usr/local/bin:/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8", "CI": "true", "TZ": "UTC",
        "UV_CACHE_DIR": str(cache), "UV_SYSTEM_CERTS": "true", "UV_LINK_MODE": "copy"}
    python, uv, locked = f"{folder}/venv/bin/python", str(installer_program()), f"{folder}/locked.txt"
    words = [locked if word == LOCK else word for item in unpacked.declared.items for word in item.words]
    if locked in words:
        installing = {**environment, "PATH": f"{Path(uv).parent}:{environment['PATH']}"}
        subprocess.run(("/bin/sh", "-c", f'{EXPORT} >"$0"', locked), cwd=source, env=installing, check=False)
    for command in (
        (uv, "venv", "--quiet", "--seed", "--no-project", "--python", PYTHON, f"{folder}/venv"),
        (uv, "pip", "install", "--quiet", "--python", python, *words, "pytest"),
    ):
        if subprocess.run(command, cwd=source, env=environment, check=False).returncode:
            return Ran({}, None, 0)
    ready = time.monotonic() - begun
    without_network = (find_bubblewrap() or "", "--die-with-parent", "--dev-bind", "/", "/", "--unshare-net", "--")
    command = (*without_network, *WITHOUT_RIGHTS, python, *TEST[1:], f"--junitxml={folder}/report.xml")
    done = subprocess.run(command, cwd=source, env=environment, capture_output=True, timeout=SECONDS, check=False)
    (folder / "log").write_bytes(done.stdout + done.stderr)
    return Ran(outcomes_of(folder / "report.xml"), done.returncode, ready)


def compare(requirement: str, place: JobPlace, *, again: bool, keep: Path | None) -> str:
    """Run a project in both places; a line of the table."""
    # Other users must be able to pass to it.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as made:
        folder = Path(made)
        folder.chmod(0o755)
        source = fetch(requirement, folder)
        unpacked, job, log = place.run(zipped(source, folder / "project.zip"))
        cached = place.run(folder / "project.zip")[1].ready if again else 0
        (folder / "home").mkdir()
        home = at_home(source, unpacked, folder / "home", place.home_cache)
        if keep is not None:
            (keep / f"{requirement}.log").write_text(log)
            if (folder / "home" / "log").exists():
                shutil.copy(folder / "home" / "log", keep / f"{requirement}.home.log")
    other = sorted(name for name in {*home.outcomes, *job.outcomes} if home.outcomes.get(name) != job.outcomes.get(name))
    shown = "; ".join(f"{'.'.join(name)}: {home.outcomes.get(name, '–')} → {job.outcomes.get(name, '–')}" for name in other[:5])
    seconds = " | ".join(f"{each:.1f}" for each in (job.ready, cached, home.ready))
    return f"| {requirement} | {_counted(home)} | {_counted(job)} | {len(other)} {shown} | {seconds} |"


def _counted(ran: Ran) -> str:
    values = list(ran.outcomes.values())
    counted = ", ".join(f"{values.count(word)} {word}" for word in ("passed", "failure", "error", "skipped") if word in values)
    return f"{counted or 'none'} ({ran.exit_code})"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="only these projects of the list, or others with their versions: name==version")
    parser.add_argument("--again", action="store_true", help="run each job twice, to see how soon a cached environment is ready")
    parser.add_argument("--keep", type=Path, help="a folder for the jobs' logs")
    chosen = parser.parse_args()
    listed = [line for line in LIST.read_text().split("\n") if line and not line.startswith("#")]
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    print("| project | at home (exit code) | as a job (exit code) | other outcomes | ready after, s | again | at home |")
    print("|---|---|---|---|---|---|---|", flush=True)
    try:
        home_cache = folder / "home-cache"
        home_cache.mkdir()
        folder.chmod(0o755)
        place = JobPlace(folder, host_runtime(folder / "python"), home_cache)
        names = [requirement.partition("==")[0] for requirement in listed]
        for requirement in [name if "==" in name else listed[names.index(name)] for name in chosen.names or names]:
            try:
                print(compare(requirement, place, again=chosen.again, keep=chosen.keep), flush=True)
            except (httpx.HTTPError, subprocess.SubprocessError) as fault:
                print(f"| {requirement} | {type(fault).__name__} | | | | | |", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
