"""What machines send of an attempt: its artifacts by their hashes, and the end of its log."""
from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from api.domain.errors import Conflict, Invalid, Unprocessable
from api.domain.jobs.artifact_limit import ArtifactLimit
from api.storage.files.incoming import IncomingFile
from api.storage.jobs.job_store import JobStore
from api.storage.jobs.places import AttemptPlace, artifact_size

MAX_ARTIFACTS = 1000
MAX_NAME_BYTES = 255
# How much of what is wrong is named.
MAX_FAULTS = 100
_NO_NAME = re.compile(r"[\x00-\x1f\x7f\\]")


def has_begun(store: JobStore, place: AttemptPlace) -> bool:
    """Whether anything of the attempt can have been run: its log is opened before."""
    return store.logs.open(place) is not None


def require_whole_log(store: JobStore, place: AttemptPlace, size: int) -> None:
    """Raise Conflict where the log has not as many bytes as its machine has sent."""
    [have] = store.logs.sizes([place])
    if have != size:
        raise Conflict("The log is not whole.", {"size": have}, remedy="Send the log from details.size on, then the result again.")


def keep_upload(store: JobStore, place: AttemptPlace, incoming: IncomingFile, sha256: str) -> None:
    """Keep an artifact under its hash, until the result says what it is called. Raises Invalid where the hash is another's."""
    if incoming.digest != sha256:
        raise Invalid({"sha256": "Is not the hash of what was sent."})
    store.files.keep(place.artifact(sha256, incoming.size), incoming)
    incoming.sync_name()


def check_room(store: JobStore, place: AttemptPlace, size: int, *, quota_left: int, reserve: int) -> None:
    """Raise Unprocessable, with the limit as its rule, where an artifact of so many bytes is not to be kept."""
    have = store.files.list(place.artifacts)
    if len(have) >= MAX_ARTIFACTS:
        raise refused(ArtifactLimit.FILE_COUNT)
    if sum(map(artifact_size, have)) + size > quota_left:
        raise refused(ArtifactLimit.QUOTA)
    if not store.spool.has_room(reserve + size):
        raise refused(ArtifactLimit.DISK)


def refused(limit: ArtifactLimit) -> Unprocessable:
    """The refusal of an artifact, which the machine counts as left out."""
    return Unprocessable("This file is not kept.", {"rule": limit.value}, remedy="Leave the file out, and name details.rule in limits_hit.")


def keep_artifacts(store: JobStore, place: AttemptPlace, manifest: Mapping[str, Any]) -> None:
    """Write the manifest, which names what was sent; what it does not name is removed. Raises Invalid. May be repeated."""
    sent = store.files.list(place.artifacts)
    faults = [*_faults(place, sent, manifest["artifacts"])]
    if faults:
        raise Invalid(dict(faults[:MAX_FAULTS]), omitted=max(0, len(faults) - MAX_FAULTS))
    for name in sent - {place.artifact(each["sha256"], each["size_bytes"]) for each in manifest["artifacts"]}:
        store.files.remove(name)
    with store.spool.receive() as incoming:
        incoming.write(json.dumps(manifest).encode())
        store.files.keep(place.manifest, incoming)
        incoming.sync_name()


def kept_sizes(artifacts: Iterable[Mapping[str, Any]]) -> int:
    """How much artifacts take; what is the same is there once."""
    return sum({each["sha256"]: int(each["size_bytes"]) for each in artifacts}.values())


def _faults(place: AttemptPlace, sent: Collection[str], artifacts: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    names = {each["name"] for each in artifacts}
    for number, each in enumerate(artifacts):
        path = f"artifacts[{number}]"
        if not _is_name(each["name"]) or names & {str(above) for above in PurePosixPath(each["name"]).parents}:
            yield f"{path}.name", "Is no name that a file can have."
        if place.artifact(each["sha256"], each["size_bytes"]) not in sent:
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
