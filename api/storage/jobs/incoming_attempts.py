"""What machines send of an attempt: its log, appended at an offset, and its artifacts by their hashes."""
from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from api.domain.errors import Conflict, Invalid, Unprocessable
from api.domain.jobs.artifact_limit import ArtifactLimit
from api.storage.files.incoming import IncomingFile, full_disk_as_unavailable
from api.storage.jobs.files import AttemptFiles, put
from api.storage.permissions import PRIVATE

MAX_ARTIFACTS = 1000
MAX_NAME_BYTES = 255
# How much of what is wrong is named.
MAX_FAULTS = 100
_NO_NAME = re.compile(r"[\x00-\x1f\x7f\\]")


def append_log(files: AttemptFiles, offset: int, chunk: bytes) -> int:
    """Append what comes behind `offset`, without what is there already; how long the log is then.

    Raises Conflict, with the log's size, where bytes before the offset are missing; and Unavailable for a full disk.
    """
    with full_disk_as_unavailable(), _log_of(files) as log:
        size = os.fstat(log).st_size
        if offset > size:
            raise Conflict(
                "Bytes of the log before this offset are missing.", {"size": size}, remedy="Send the log from details.size on.")
        rest = memoryview(chunk)[size - offset:]
        while rest:
            written = os.pwrite(log, rest, size)
            rest, size = rest[written:], size + written
        return size


@contextmanager
def _log_of(files: AttemptFiles) -> Iterator[int]:
    """The log, locked, so that of two senders of the same bytes one appends them."""
    PRIVATE.make_folder(files.folder)
    log = PRIVATE.open(files.log, os.O_WRONLY)
    try:
        fcntl.flock(log, fcntl.LOCK_EX)
        yield log
    finally:
        os.close(log)


def has_begun(files: AttemptFiles) -> bool:
    """Whether anything of the attempt can have been run: its log is opened before."""
    return files.log.exists()


def require_whole_log(files: AttemptFiles, size: int) -> None:
    """Raise Conflict where the log has not as many bytes as its machine has sent."""
    have = files.log.stat().st_size if files.log.exists() else 0
    if have != size:
        raise Conflict("The log is not whole.", {"size": have}, remedy="Send the log from details.size on, then the result again.")


def open_upload(files: AttemptFiles, name: str) -> IncomingFile:
    """A new file of an attempt, under a name of its own until it is kept."""
    return IncomingFile(files.uploads / f".{name}", PRIVATE)


def keep_upload(files: AttemptFiles, incoming: IncomingFile, sha256: str) -> None:
    """Keep an artifact under its hash, until the result says what it is called. Raises Invalid where the hash is another's."""
    if incoming.digest != sha256:
        raise Invalid({"sha256": "Is not the hash of what was sent."})
    incoming.place(files.uploads / sha256)


def check_room(files: AttemptFiles, size: int, *, quota_left: int, reserve: int) -> None:
    """Raise Unprocessable, with the limit as its rule, where an artifact of so many bytes is not to be kept."""
    have = list(_sizes(files))
    disk = os.statvfs(_existing(files.folder))
    if len(have) >= MAX_ARTIFACTS:
        raise refused(ArtifactLimit.FILE_COUNT)
    if sum(have) + size > quota_left:
        raise refused(ArtifactLimit.QUOTA)
    if disk.f_bavail * disk.f_frsize < reserve + size:
        raise refused(ArtifactLimit.DISK)


def refused(limit: ArtifactLimit) -> Unprocessable:
    """The refusal of an artifact, which the machine counts as left out."""
    return Unprocessable("This file is not kept.", {"rule": limit.value}, remedy="Leave the file out, and name details.rule in limits_hit.")


def keep_artifacts(files: AttemptFiles, manifest: Mapping[str, Any]) -> None:
    """Give what was sent its names, and then write the manifest. Raises Invalid. May be repeated."""
    faults = [*_faults(files, manifest["artifacts"])]
    if faults:
        raise Invalid(dict(faults[:MAX_FAULTS]), omitted=max(0, len(faults) - MAX_FAULTS))
    shutil.rmtree(files.artifacts, ignore_errors=True)
    with full_disk_as_unavailable():
        PRIVATE.make_folder(files.artifacts)
        for each in manifest["artifacts"]:
            target = files.artifacts / each["name"]
            PRIVATE.make_folder(target.parent)
            os.link(files.uploads / each["sha256"], target)
        put(files.manifest, manifest)


def kept_sizes(artifacts: Iterable[Mapping[str, Any]]) -> int:
    """How much artifacts take; what is the same is there once."""
    return sum({each["sha256"]: int(each["size_bytes"]) for each in artifacts}.values())


def remove_uploads(files: AttemptFiles) -> None:
    """Remove what has got its names by now, or is not wanted."""
    shutil.rmtree(files.uploads, ignore_errors=True)


def _faults(files: AttemptFiles, artifacts: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    names = {each["name"] for each in artifacts}
    for number, each in enumerate(artifacts):
        path = f"artifacts[{number}]"
        if not _is_name(each["name"]) or names & {str(above) for above in PurePosixPath(each["name"]).parents}:
            yield f"{path}.name", "Is no name that a file can have."
        with suppress(OSError):
            if (files.uploads / each["sha256"]).stat().st_size == each["size_bytes"]:
                continue
        yield f"{path}.sha256", "No such file of this size was sent."
    if len(names) < len(artifacts):
        yield "artifacts", "A name is there twice."


def _is_name(name: str) -> bool:
    parts = name.split("/")
    if _NO_NAME.search(name) is not None or {"", ".", ".."} & {*parts}:
        return False
    try:
        return all(len(each.encode()) <= MAX_NAME_BYTES for each in parts)
    except UnicodeEncodeError:
        return False


def _sizes(files: AttemptFiles) -> Iterator[int]:
    with suppress(FileNotFoundError):
        for entry in os.scandir(files.uploads):
            yield entry.stat().st_size


def _existing(folder: Path) -> Path:
    return folder if folder.exists() else _existing(folder.parent)
