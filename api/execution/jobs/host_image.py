"""An image made of packages that this host has installed, for where there is no registry to fetch one from."""
from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

PACKAGES = (
    "base-files", "base-passwd", "bash", "ca-certificates", "coreutils", "dash", "diffutils", "findutils", "grep", "gzip", "libc-bin",
    "libpython3-stdlib", "libpython3.11-minimal", "libpython3.11-stdlib", "media-types", "netbase", "procps", "python3", "python3-minimal",
    "python3.11", "python3.11-minimal", "python3-pytest", "python3-iniconfig", "python3-packaging", "python3-pluggy", "sed", "tar",
    "util-linux")
LEFT_OUT = tuple(f"/usr/share/{each}/" for each in ("doc", "info", "lintian", "locale", "man"))
MERGED = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
FOLDERS = ("dev", "proc", "run", "run/ci", "sys", "tmp", "var", "var/tmp", "workspace")
OPEN = ("tmp", "var/tmp")
SETTINGS = ("/etc/group", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/nsswitch.conf", "/etc/passwd")
ELF = b"\x7fELF"
SAME_FOR_ALL = 1_700_000_000
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


def write_host_image(target: Path, packages: Sequence[str] = PACKAGES) -> None:
    """Write a tar file of a root folder with these packages, as far as they are installed, and the libraries that they need."""
    files = {name: f"/{name}" for name in MERGED if Path("/", name).is_symlink()}
    files |= {_inside(file): file for file in _with_libraries(_files(packages))}
    with tarfile.open(target, "w") as archive:
        for folder in sorted({*FOLDERS, *(str(above) for inside in files for above in Path(inside).parents if above.name)}):
            archive.add("/tmp" if folder in OPEN else "/usr", folder, recursive=False, filter=_plain)
        for inside, file in sorted(files.items()):
            archive.add(file, inside, recursive=False, filter=_plain)


def _files(packages: Sequence[str]) -> Iterator[str]:
    # Packages that are not installed are left out, with a complaint on the error output.
    listed = subprocess.run(
        ["dpkg-query", "--listfiles", *packages], capture_output=True, text=True, env=ENVIRONMENT, check=False).stdout
    for line in (*listed.splitlines(), *SETTINGS):
        path = Path(line)
        if line.startswith("/") and not line.startswith(LEFT_OUT) and (path.is_symlink() or path.is_file()):
            yield line
            if path.is_symlink() and path.resolve().is_file() and str(path.resolve()).startswith("/usr/"):
                yield str(path.resolve())


def _with_libraries(files: Iterable[str]) -> Iterator[str]:
    listed = list(files)
    yield from listed
    programs = [file for file in listed if not Path(file).is_symlink() and _is_program(file)]
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
    return f"usr/{top}/{rest}" if rest and top in MERGED and Path("/", top).is_symlink() else file.lstrip("/")


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mtime = SAME_FOR_ALL
    entry.mode &= 0o1777
    return entry
