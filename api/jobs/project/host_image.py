"""Builds a container image from packages of this host, for hosts without a registry."""
from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from api.jobs.project.python_runtime import installer_program

PACKAGES = (
    "base-files", "base-passwd", "bash", "ca-certificates", "coreutils", "dash", "diffutils", "findutils", "grep", "gzip", "libc-bin",
    "libpython3-stdlib", "media-types", "netbase", "procps", "python3", "python3-minimal", "sed", "tar", "util-linux")
PYTHON = Path("/usr/bin/python3")
_PYTHON_NAME = re.compile(r"python3\.[0-9]+")
EXCLUDED = tuple(f"/usr/share/{each}/" for each in ("doc", "info", "lintian", "locale", "man"))
MERGED_FOLDERS = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
FOLDERS = ("dev", "proc", "run", "run/ci", "sys", "tmp", "var", "var/tmp", "workspace")
WORLD_WRITABLE = ("tmp", "var/tmp")
SETTINGS = ("/etc/group", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/nsswitch.conf", "/etc/passwd")
ELF = b"\x7fELF"
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


class ImageNotBuilt(Exception):
    """No image can be built from this host's packages; the message is for the operator."""


def write_host_image(target: Path) -> None:
    """Write a root file system with this host's Python as a tar file, of installed packages and the libraries that they need.

    Raises ImageNotBuilt, OSError.
    """
    files = {name: f"/{name}" for name in MERGED_FOLDERS if Path("/", name).is_symlink()}
    files |= {_inside(file): file for file in _with_libraries(_files([*PACKAGES, *_python_packages()]))}
    _write(target, files)


def _python_packages() -> list[str]:
    """The packages of the version that `python3` is; the others of PACKAGES only lead to them."""
    if shutil.which("dpkg-query", path=ENVIRONMENT["PATH"]) is None:
        raise ImageNotBuilt("This host has no Debian packages to make an image of: there is no dpkg-query")
    version = PYTHON.resolve().name
    if not _PYTHON_NAME.fullmatch(version) or not _is_installed(f"{version}-minimal"):
        raise ImageNotBuilt("The Debian package python3 is not installed on this host")
    return [version, f"{version}-minimal", f"lib{version}-minimal", f"lib{version}-stdlib"]


def _is_installed(package: str) -> bool:
    asked = ["dpkg-query", "--show", "--showformat=${db:Status-Status}\n", package]
    said = subprocess.run(asked, capture_output=True, text=True, env=ENVIRONMENT, check=False)
    return "installed" in said.stdout.split()


def _write(target: Path, files: dict[str, str]) -> None:
    with tarfile.open(target, "w") as archive:
        for folder in sorted({*FOLDERS, *(str(above) for inside in files for above in Path(inside).parents if above.name)}):
            archive.add("/tmp" if folder in WORLD_WRITABLE else "/usr", folder, recursive=False, filter=_normalized)
        for inside, file in sorted(files.items()):
            archive.add(file, inside, recursive=False, filter=_normalized)


def _files(packages: Sequence[str]) -> Iterator[str]:
    # Packages that are not installed are left out, with a complaint on the error output.
    listed = subprocess.run(
        ["dpkg-query", "--listfiles", *packages], capture_output=True, text=True, env=ENVIRONMENT, check=False).stdout
    for line in (*listed.splitlines(), *SETTINGS):
        path = Path(line)
        if line.startswith("/") and not line.startswith(EXCLUDED) and (path.is_symlink() or path.is_file()):
            yield line
            # Bytecode that is compiled at installation is not listed; a sandbox could not cache its own.
            if path.suffix == ".py" and (compiled := path.parent / "__pycache__" / f"{path.stem}.{_tag()}.pyc").is_file():
                yield str(compiled)
            if path.is_symlink() and path.resolve().is_file() and str(path.resolve()).startswith("/usr/"):
                yield str(path.resolve())


def _tag() -> str:
    return PYTHON.resolve().name.replace("python3.", "cpython-3")


def _with_libraries(files: Iterable[str]) -> Iterator[str]:
    listed = list(files)
    yield from listed
    programs = [file for file in listed if not Path(file).is_symlink() and _is_program(file)]
    # Jobs bring the installer with them, but not what it is linked with.
    programs += [program] if (program := installer_program()) else []
    needed = subprocess.run(["ldd", *programs], capture_output=True, text=True, env=ENVIRONMENT, check=False).stdout
    for word in set(needed.split()):
        if word.startswith("/") and Path(word).is_file():
            yield word
            yield str(Path(word).resolve())


def _is_program(file: str) -> bool:
    with Path(file).open("rb") as content:
        return content.read(4) == ELF


def _inside(file: str) -> str:
    top, _, rest = file.lstrip("/").partition("/")
    return f"usr/{top}/{rest}" if rest and top in MERGED_FOLDERS and Path("/", top).is_symlink() else file.lstrip("/")


def _normalized(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    # Bytecode records its source's modification time in whole seconds.
    entry.mtime = int(entry.mtime)
    entry.mode &= 0o1777
    return entry
