"""What a sandbox shows of a file system besides its mounts: for bubblewrap the words that show it, for all what of /proc is hidden."""
from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

SYSTEM = Path("/usr")
# What programs consist of. Elsewhere below /usr lie games, sources, and what an operator keeps for himself.
SHOWN = (
    "bin", "include", "lib", "lib32", "lib64", "libexec", "libx32", "sbin", "share", "local/bin", "local/include", "local/lib",
    "local/lib64", "local/libexec")
# What describes the host to people, or starts it.
HIDDEN = (
    "lib/firmware", "lib/modules", "lib/systemd", "share/bug", "share/dbus-1", "share/doc", "share/doc-base", "share/info", "share/lintian",
    "share/man", "share/polkit-1", "share/systemd")
MERGED = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
ETC = (
    "alternatives", "ca-certificates", "crypto-policies", "debian_version", "fonts", "gai.conf", "host.conf", "ld.so.cache", "ld.so.conf",
    "ld.so.conf.d", "localtime", "mime.types", "nsswitch.conf", "os-release", "pki", "protocols", "services", "ssl/certs",
    "ssl/openssl.cnf", "timezone")
# Java's folder has parts of it there.
ETC_PATTERNS = ("java-*",)
NAME_SERVERS = "resolv.conf"
# Folders of a root file system that every sandbox has of its own, and those of which it shows the parts, beside parts of its own.
OWN, SHARED = frozenset({"dev", "lost+found", "mnt", "proc", "run", "sys", "tmp", "workspace"}), frozenset({"etc", "opt"})
OWN_SETTINGS = frozenset({"group", "hosts", "passwd", NAME_SERVERS})

# What of /proc tells of the host's kernel and hardware and of others on it, and what its keepers alone need. Programs read how many
# processors there are, what memory is free, and of themselves; all that is left. An engine hides some of these by itself.
MASKED_FILES = (
    "bootconfig", "buddyinfo", "cmdline", "config.gz", "consoles", "dma", "execdomains", "interrupts", "iomem", "ioports", "kallsyms",
    "kcore", "key-users", "keys", "kmsg", "kpagecgroup", "kpagecount", "kpageflags", "latency_stats", "locks", "misc", "modules", "mtrr",
    "pagetypeinfo", "partitions", "sched_debug", "schedstat", "slabinfo", "softirqs", "sysrq-trigger", "timer_list", "timer_stats",
    "vmallocinfo", "zoneinfo")
MASKED_FOLDERS = ("acpi", "asound", "bus", "driver", "dynamic_debug", "fs", "irq", "scsi", "sysvipc", "tty")
# Beyond those, what engines hide by themselves unless they are told what to hide.
MASKED_BESIDE = ("/sys/firmware", "/sys/devices/virtual/powercap")

SYSTEM_PATHS = tuple(SYSTEM / name for name in SHOWN)


def is_shown(path: Path) -> bool:
    """Whether every sandbox shows this path of the host."""
    return any(path.is_relative_to(each) for each in SYSTEM_PATHS)


def host_system() -> Iterator[str]:
    """The programs of this host, read-only, and a few of its settings."""
    for path in SYSTEM_PATHS:
        yield from _shown(path, path)
    for hidden in (SYSTEM / name for name in HIDDEN):
        if hidden.is_dir() and not hidden.is_symlink():
            yield from _empty(str(hidden))
    for path in (Path("/", name) for name in MERGED):
        yield from _shown(path, path)
    for setting in (*ETC, *(path.name for pattern in ETC_PATTERNS for path in sorted(Path("/etc").glob(pattern)))):
        yield from ("--ro-bind-try", f"/etc/{setting}", f"/etc/{setting}")


def root_system(root: Path, source: str) -> Iterator[str]:
    """All of a root file system, read-only, but what every sandbox has of its own. `source` is where the sandbox's program finds it.

    Raises OSError for a folder that cannot be read.
    """
    for entry in sorted(root.iterdir()):
        if entry.name in SHARED and entry.is_dir() and not entry.is_symlink():
            for part in sorted(entry.iterdir()):
                if entry.name != "etc" or part.name not in OWN_SETTINGS:
                    yield from _shown(part, Path(source, entry.name, part.name), f"/{entry.name}/{part.name}")
        elif entry.name not in OWN:
            yield from _shown(entry, Path(source, entry.name), f"/{entry.name}")


def masks() -> Iterator[str]:
    """What hides a part of /proc; an empty file stands in each one's place, or an empty folder."""
    for name in MASKED_FILES:
        if os.path.exists(f"/proc/{name}"):
            yield from ("--dev-bind", "/dev/null", f"/proc/{name}")
    for name in MASKED_FOLDERS:
        if os.path.isdir(f"/proc/{name}"):
            yield from _empty(f"/proc/{name}")


def masked_paths() -> list[str]:
    """The same as paths, for engines."""
    return [*(f"/proc/{name}" for name in (*MASKED_FILES, *MASKED_FOLDERS)), *MASKED_BESIDE]


def _shown(path: Path, source: Path, target: str | None = None) -> Iterator[str]:
    if path.is_symlink():
        yield from ("--symlink", os.readlink(path), target or str(path))
    elif path.exists():
        yield from ("--ro-bind", str(source), target or str(path))


def _empty(folder: str) -> Iterator[str]:
    yield from ("--perms", "0555", "--tmpfs", folder, "--remount-ro", folder)
