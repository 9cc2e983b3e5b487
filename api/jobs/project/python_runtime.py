"""The Python of jobs: an interpreter, the installer of packages, and wheels of a few packages, mounted read-only."""
from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
import sys
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from api.host.programs import PROJECT
from api.jobs.project.wheels import write_wheel
from api.sandbox.linux.file_system import SYSTEM, is_shown
from api.sandbox.sandbox import PATH, Mount

MOUNT_POINT = "/opt/ci"
TOOLS, SEEDS = f"{MOUNT_POINT}/bin", f"{MOUNT_POINT}/wheels"
# A job's own folder beside its workspace, on the same disk.
ENVIRONMENT = f"{MOUNT_POINT}/env"
VIRTUAL_ENVIRONMENT = f"{ENVIRONMENT}/venv"
RESULTS = ".ci-job"
REPORT = f"{RESULTS}/junit.xml"
# What can be installed where there is neither an index nor a folder of packages.
PACKAGES = ("pytest", "pluggy", "iniconfig", "packaging", "pygments", "setuptools", "pip")
INSTALLER = "uv"
VARIABLES: Mapping[str, str] = {"PYTHONUNBUFFERED": "1", "CI": "true"}


@dataclass(frozen=True, slots=True)
class PythonRuntime:
    """Mounts and environment variables of a sandbox, and the packages that were not found."""

    mounts: tuple[Mount, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


def image_runtime(folder: Path) -> PythonRuntime:
    """For images and an operator's root file system, which have a Python of their own; without `python`, a script runs their `python3`."""
    kit, missing = _build(folder)
    _write_program(kit / "image" / "python", _write_script)
    path = f"{VIRTUAL_ENVIRONMENT}/bin:{PATH}:{TOOLS}"
    return PythonRuntime((Mount(kit / "image", TOOLS), Mount(kit / "wheels", SEEDS)), {**VARIABLES, "PATH": path}, missing)


def host_runtime(folder: Path, pythons: Sequence[Path] = ()) -> PythonRuntime:
    """For bubblewrap: the interpreter of this process where it lies, after it those installed below the folders `pythons`."""
    kit, missing = _build(folder)
    program, base = _interpreter()
    for name in ("python", "python3"):
        _write_program(kit / "bin" / name, lambda fresh: fresh.symlink_to(program))
    shown = [Mount(each, str(each)) for each in dict.fromkeys((*base, *pythons)) if not _is_system(each)]
    path = ":".join((f"{VIRTUAL_ENVIRONMENT}/bin", TOOLS, *(f"{each}/bin" for each in pythons), PATH))
    kit_mounts = (Mount(kit / "bin", TOOLS), Mount(kit / "wheels", SEEDS))
    return PythonRuntime(
        (*shown, *kit_mounts, *_masks(kit / "nothing", shown)), {**VARIABLES, "PATH": path}, missing)


def _interpreter() -> tuple[Path, list[Path]]:
    """The interpreter's path, and the folder that it is installed in, unless it is one of the system's."""
    base = Path(sys.base_prefix).resolve()
    program = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    return program, [] if _is_system(base) or not program.is_relative_to(base) else [base]


def _is_system(folder: Path) -> bool:
    return folder in (SYSTEM, SYSTEM / "local") or is_shown(folder)


def _masks(nothing: Path, mounts: Sequence[Mount]) -> list[Mount]:
    """Mounts of empty folders that hide site packages and this service from the sandbox."""
    base = {"base": sys.base_prefix, "platbase": sys.base_prefix}
    places = {Path(sysconfig.get_path(name, vars=base)) for name in ("purelib", "platlib")}
    places |= {PROJECT, Path(str(importlib.metadata.distribution("sqlalchemy").locate_file("")))}
    shown = {_inside(place.resolve(), mounts) for place in places if place.is_dir()}
    return [Mount(nothing, target) for target in sorted(each for each in shown if each is not None)]


def _inside(place: Path, mounts: Sequence[Mount]) -> str | None:
    """Where a sandbox shows a folder of the host; None where it does not."""
    if is_shown(place):
        return str(place)
    for mount in mounts:
        if place.is_relative_to(mount.source):
            return f"{mount.target}/{place.relative_to(mount.source)}"
    return None


def _build(folder: Path) -> tuple[Path, tuple[str, ...]]:
    """The folder with the installer and the wheels, made the first time."""
    found = {name: _distribution(name) for name in (*PACKAGES, INSTALLER)}
    description = repr([(name, None if each is None else each.version) for name, each in found.items()])
    kit = folder / hashlib.sha256(description.encode()).hexdigest()[:16]
    if not kit.is_dir():
        fresh = folder / f".{kit.name}.{os.getpid()}"
        shutil.rmtree(fresh, ignore_errors=True)
        for name in ("bin", "image", "wheels", "nothing"):
            (fresh / name).mkdir(parents=True)
        for distribution in found.values():
            if distribution is not None and distribution.name != INSTALLER:
                write_wheel(distribution, fresh / "wheels")
        _make_readable(fresh)
        if program := installer_program():
            for name in ("bin", "image"):
                shutil.copy(program, fresh / name / INSTALLER)
        _move_into_place(fresh, kit)
    missing = tuple(name for name, each in found.items() if each is None)
    return kit, missing if installer_program() is not None else (*missing, INSTALLER)


def installer_program() -> str | None:
    """The installer's program: beside this interpreter, else on the path."""
    return shutil.which(INSTALLER, path=sysconfig.get_path("scripts")) or shutil.which(INSTALLER)


def _distribution(name: str) -> importlib.metadata.Distribution | None:
    try:
        return importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _write_program(program: Path, make: Callable[[Path], None]) -> None:
    """Put a program into its place in one step, since agents and jobs may be using it."""
    fresh = program.with_name(f".{program.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    make(fresh)
    fresh.rename(program)


def _write_script(script: Path) -> None:
    script.write_text('#!/bin/sh\nexec python3 "$@"\n')
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
