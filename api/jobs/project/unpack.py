"""Unpacks a project in a child process, which also finds what the project declares to be installed."""
from __future__ import annotations

import json
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from api.domain.jobs.archive_check import ArchiveLimits, ZipRejected
from api.domain.jobs.declarations import Declaration, Declared
from api.domain.jobs.project_digests import Digests
from api.host.programs import module_command, module_environment

TIMEOUT_SECONDS = 120


class UnpackFailure(Exception):
    """The project could not be unpacked, and the zip is not known to be bad; the message is for the operator."""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """An unpacked project: how many files it has, and what it declares."""

    files: int
    declared: Declared
    digests: Digests


def unpack(
    project: Path, folder: Path, limits: ArchiveLimits, *, user_id: int | None, seconds: int = TIMEOUT_SECONDS, declared_in: str = ".",
) -> Unpacked:
    """Unpack a zip file into an empty folder, as the folder's user where that is ours to choose.

    What is to be installed is looked for in the folder `declared_in` of the project.

    Raises ZipRejected for a zip that is not what its directory says, and UnpackFailure for a full disk and the like. What was
    unpacked until then stays in the folder.
    """
    orders = json.dumps({"archive": asdict(limits), "user_id": user_id, "seconds": seconds, "declared_in": declared_in})
    command = [*module_command("api.jobs.project.unpack_program"), str(folder), orders]
    try:
        with project.open("rb") as file:
            done = subprocess.run(
                command, env=module_environment(), cwd="/", stdin=file, capture_output=True, timeout=seconds, check=False)
        said = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise ZipRejected("time", f"The zip takes more than {seconds} seconds to unpack.") from None
    except (OSError, ValueError) as fault:
        raise UnpackFailure(f"The project could not be unpacked: {fault}.") from fault
    if "rule" in said:
        raise ZipRejected(said["rule"], said["message"])
    if "trouble" in said:
        raise UnpackFailure(f"The project could not be unpacked: {said['trouble']}.")
    return Unpacked(int(said["files"]), _declared(said["declared"]), Digests(**said["digests"]))


def _declared(said: dict[str, Any]) -> Declared:
    return Declared(tuple(Declaration(tuple(each["words"]), each["source"]) for each in said["items"]), said["python"])
