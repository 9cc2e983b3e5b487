"""The child process that unpacks a zip file and finds what the project declares, and can do nothing else.

Run as `python -m api.jobs.project.unpack_program FOLDER LIMITS`, the zip being its standard input and LIMITS JSON. It confines
itself to the folder, as the folder's user where it may, and prints its result as JSON.
"""
from __future__ import annotations

import codecs
import json
import os
import stat
import sys
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import Any

from api.domain.jobs.archive_check import ArchiveLimits, ZipRejected
from api.domain.jobs.declarations import FILES, MAX_BYTES, UNREAD, find_declarations
from api.domain.jobs.project_digests import MAX_MODULE_BYTES, digests_of
from api.jobs.project.unpacking import unpack_into
from api.sandbox.linux.enter import give_up_rights, set_limit

MEMORY = 256 << 20
# Loaded before chroot, after which no module can be imported.
ENCODINGS = ("cp437", "utf-8")


def _confine(folder: str, orders: dict[str, Any]) -> int:
    """Give up everything that unpacking does not need; return a descriptor of the folder."""
    for encoding in ENCODINGS:
        codecs.lookup(encoding)
    os.umask(0o022)
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    if orders["user_id"] is not None:
        os.chroot(folder)
        os.chdir("/")
        give_up_rights(orders["user_id"])
    for kind, wanted in (
        ("RLIMIT_AS", MEMORY), ("RLIMIT_CORE", 0), ("RLIMIT_FSIZE", orders["archive"]["file_bytes"]), ("RLIMIT_CPU", orders["seconds"]),
        ("RLIMIT_NOFILE", 32),
    ):
        set_limit(kind, wanted)
    return opened


def _read(folder: int, name: str, most: int = MAX_MODULE_BYTES) -> bytes:
    """The beginning of a file. It was just made, but by a name from outside. Raises OSError."""
    opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    with os.fdopen(opened, "rb") as file:
        return file.read(most) if stat.S_ISREG(os.fstat(opened).st_mode) else b""


def _read_declarations(folder: int, within: str) -> dict[str, str]:
    """The files in which projects declare what they need."""
    found = {}
    for name in FILES:
        with suppress(OSError):
            content = _read(folder, f"{within}/{name}", 0 if name in UNREAD else MAX_BYTES + 1)
            found[name] = "" if len(content) > MAX_BYTES else content.decode(errors="replace")
    return found


def main(arguments: list[str]) -> int:
    """Unpack, and print the result."""
    orders = json.loads(arguments[1])
    try:
        folder = _confine(arguments[0], orders)
        with open(0, "rb", closefd=False) as file:
            files = unpack_into(file, folder, ArchiveLimits(**orders["archive"]))
        texts = _read_declarations(folder, orders["declared_in"])
        digests = digests_of(texts, {path: (entry.size, entry.checksum) for path, entry in files.items()}, partial(_read, folder))
        said: dict[str, Any] = {"files": len(files), "declared": asdict(find_declarations(texts)), "digests": asdict(digests)}
    except ZipRejected as refusal:
        said = {"rule": refusal.rule, "message": refusal.message}
    except (OSError, MemoryError) as fault:
        said = {"trouble": str(fault)}
    print(json.dumps(said), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
