"""The Python of jobs: the server's interpreter and a few packages, mounted read-only."""
from __future__ import annotations

import compileall
import hashlib
import importlib.metadata
import os
import shutil
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from api.host.programs import PROJECT
from api.sandbox.sandbox import PATH, WORKSPACE, Mount

MOUNT_POINT = "/opt/ci"
RESULTS = ".ci-job"
DEPENDENCIES = f"{WORKSPACE}/{RESULTS}/dependencies"
REPORT = f"{RESULTS}/junit.xml"
PACKAGES = ("pytest", "pluggy", "iniconfig", "packaging", "pygments")
INSTALLER = ("pip",)
SYSTEM = Path("/usr")
SCRIPTS: Mapping[str, str] = {"pytest": "pytest", "pip": "pip"}


@dataclass(frozen=True, slots=True)
class PythonRuntime:
    """Mounts and environment variables of a sandbox, and the packages that were not found."""

    mounts: tuple[Mount, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    def with_installer(self) -> dict[str, str]:
        """The environment of the step that installs what a project needs."""
        return {**self.environment, "PYTHONPATH": f"{MOUNT_POINT}/pip:{self.environment.get('PYTHONPATH', '')}".rstrip(":")}


def image_runtime(folder: Path) -> PythonRuntime:
    """For container engines: the image has its own Python and pytest; where it has no `python`, a script runs its `python3`."""
    programs = folder / "image"
    programs.mkdir(parents=True, exist_ok=True)
    fresh = programs / f".python.{os.getpid()}"
    fresh.write_text('#!/bin/sh\nexec python3 "$@"\n')
    fresh.chmod(0o755)
    fresh.rename(programs / "python")
    programs.chmod(0o755)
    return PythonRuntime((Mount(programs, f"{MOUNT_POINT}/bin"),), {
        "PATH": f"{DEPENDENCIES}/bin:{PATH}:{MOUNT_POINT}/bin", "PYTHONPATH": DEPENDENCIES, "PYTHONUNBUFFERED": "1", "CI": "true"})


def host_runtime(folder: Path) -> PythonRuntime:
    """For bubblewrap: the interpreter of this process, mounted, and copies of the packages, made once in `folder`."""
    runtime, missing = _build(folder)
    program, mounts, libraries = _interpreter()
    _link(runtime / "bin", program)
    shown = [*mounts, *(Mount(runtime / name, f"{MOUNT_POINT}/{name}") for name in ("bin", "site", "pip"))]
    environment = {
        "PATH": f"{MOUNT_POINT}/bin:{DEPENDENCIES}/bin:{PATH}", "PYTHONPATH": f"{DEPENDENCIES}:{MOUNT_POINT}/site", "PYTHONUNBUFFERED": "1",
        "CI": "true", **libraries}
    return PythonRuntime((*shown, *_masks(runtime / "nothing", mounts)), environment, missing)


def add_to_image(folder: Path, python: str, *, with_pytest: bool) -> tuple[str, ...]:
    """Lay pip, and pytest where it is wanted, into the root folder of an image for its `python` ("python3.11"); what was not found."""
    target, programs = folder / "usr/local/lib" / python / "dist-packages", folder / "usr/local/bin"
    found = {name: _distribution(name) for name in (*(PACKAGES if with_pytest else ()), *INSTALLER)}
    for distribution in found.values():
        if distribution is not None:
            _copy(distribution, target)
    _make_readable(folder)
    programs.mkdir(parents=True)
    for name in SCRIPTS:
        if found.get(name) is not None:
            _write_script(programs / name, "python3", SCRIPTS[name])
    return tuple(name for name, distribution in found.items() if distribution is None)


def _interpreter() -> tuple[str, list[Mount], dict[str, str]]:
    """The interpreter's path inside a sandbox, its mounts, and the environment for its libraries."""
    base = Path(sys.base_prefix).resolve()
    program = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    if base == SYSTEM or SYSTEM in base.parents or not program.is_relative_to(base):
        return str(program), [], {}
    inside = f"{MOUNT_POINT}/python"
    libraries = {"LD_LIBRARY_PATH": f"{inside}/lib"} if list((base / "lib").glob("libpython*.so*")) else {}
    return f"{inside}/{program.relative_to(base)}", [Mount(base, inside)], libraries


def _masks(nothing: Path, mounts: Sequence[Mount]) -> list[Mount]:
    """Mounts of empty folders that hide site packages and this service from the sandbox."""
    base = {"base": sys.base_prefix, "platbase": sys.base_prefix}
    places = {Path(sysconfig.get_path(name, vars=base)) for name in ("purelib", "platlib")}
    places |= {PROJECT, Path(str(importlib.metadata.distribution("sqlalchemy").locate_file("")))}
    shown = {_inside(place.resolve(), mounts) for place in places if place.is_dir()}
    return [Mount(nothing, target) for target in sorted(each for each in shown if each is not None)]


def _inside(place: Path, mounts: Sequence[Mount]) -> str | None:
    """Where a sandbox shows a folder of the host; None where it does not."""
    if SYSTEM in place.parents:
        return str(place)
    for mount in mounts:
        if place.is_relative_to(mount.source):
            return f"{mount.target}/{place.relative_to(mount.source)}"
    return None


def _build(folder: Path) -> tuple[Path, tuple[str, ...]]:
    """The folder with copies of the installed packages, made the first time."""
    found = {name: _distribution(name) for name in (*PACKAGES, *INSTALLER)}
    description = repr([(sys.version, name, None if each is None else each.version) for name, each in found.items()])
    runtime = folder / hashlib.sha256(description.encode()).hexdigest()[:16]
    missing = tuple(name for name, each in found.items() if each is None)
    if not runtime.is_dir():
        fresh = folder / f".{runtime.name}.{os.getpid()}"
        shutil.rmtree(fresh, ignore_errors=True)
        for name in ("bin", "site", "pip", "nothing"):
            (fresh / name).mkdir(parents=True)
        for name, distribution in found.items():
            if distribution is not None:
                _copy(distribution, fresh / ("pip" if name in INSTALLER else "site"))
        # Compiled files were copied with what they were made from, where there were any.
        compileall.compile_dir(fresh, quiet=2)
        _make_readable(fresh)
        _move_into_place(fresh, runtime)
    return runtime, missing


def _distribution(name: str) -> importlib.metadata.Distribution | None:
    try:
        return importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _copy(distribution: importlib.metadata.Distribution, target: Path) -> None:
    for file in distribution.files or ():
        source = Path(str(file.locate()))
        # Programs are listed with a way up out of the folder of packages.
        if ".." in file.parts or not source.is_file():
            continue
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target / file)


def _link(folder: Path, program: str) -> None:
    for name in ("python", "python3"):
        fresh = folder / f".{name}.{os.getpid()}"
        fresh.symlink_to(program)
        fresh.rename(folder / name)
    for name, module in SCRIPTS.items():
        script = folder / name
        if not script.exists():
            _write_script(script, "python", module)


def _write_script(script: Path, python: str, module: str) -> None:
    script.write_text(f'#!/bin/sh\nexec {python} -m {module} "$@"\n')
    script.chmod(0o755)


def _make_readable(folder: Path) -> None:
    """Let the users of slots read it, whatever the umask was."""
    for place, _, names in os.walk(folder):
        os.chmod(place, 0o755)
        for name in names:
            os.chmod(Path(place, name), 0o644)


def _move_into_place(fresh: Path, runtime: Path) -> None:
    try:
        fresh.rename(runtime)
    except OSError:
        # Another agent made the same at the same moment.
        shutil.rmtree(fresh, ignore_errors=True)
        if not runtime.is_dir():
            raise
