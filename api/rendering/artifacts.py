"""Artifacts of a run as JSON: path, storage status, download URL."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from urllib.parse import urlencode

from api.domain.display_bounds import cut
from api.domain.files.artifact import Artifact, ArtifactPart
from api.domain.files.storage_status import StorageStatus
from api.domain.runs.run import Platform
from api.domain.runs.worker_message import ArtifactKind
from api.rendering.runs import Json, marked
from api.storage.files import paths
from api.storage.files.stored_file import NOWHERE, Found

Link = Callable[[str, Found, str, str], str | None]

# Of several files that one thing is made of, the one that is worst off decides.
WORST_FIRST = (StorageStatus.MISSING, StorageStatus.DEGRADED, StorageStatus.OK)


def stored_names(items: Iterable[Artifact], platform: Platform) -> list[str | None]:
    """All stored files that stand behind a page of artifacts."""
    return [name for item in items for name in _names(item, platform)]


def artifact(item: Artifact, platform: Platform, found: Mapping[str, Found], link: Link, base: str) -> Json:
    """One file as it was found; `base` is where links to operations start."""
    needed = _names(item, platform)
    places = [NOWHERE if name is None else found[name] for name in needed]
    status = min((place.status for place in places), key=WORST_FIRST.index)
    is_diff = item.part is ArtifactPart.DIFF
    shown = marked({"filename": item.filename}, {"filename": cut(item.filename, 255)})
    return shown | {
        "artifact_id": item.artifact_id, "run_id": item.run_id, "type": item.type.value, "content_type": item.content_type,
        "sample_id": None if item.test is None else item.test.sample_id,
        "regression_id": None if item.test is None or item.output is None else item.test.regression_id,
        "output_id": None if item.output is None else item.output.output_id,
        "size_bytes": None if is_diff else places[0].size, "storage_status": status.value,
        "download_url": _diff_url(item, places, base) if is_diff else _url(item, needed[0], places[0], link)}


def _names(found: Artifact, platform: Platform) -> list[str | None]:
    """The stored files that stand behind an artifact: one, or for a diff two; None for one that cannot be stored anywhere."""
    match found.part:
        case ArtifactPart.BUILD_LOG:
            return [paths.log_name(found.run_id)]
        case ArtifactPart.MEDIA_INFO if found.test is not None:
            return [paths.media_info_name(found.test.sample_sha)]
        case ArtifactPart.BINARY | ArtifactPart.COMBINED_STDOUT | ArtifactPart.COREDUMP:
            return [paths.artifact_name(found.run_id, ArtifactKind(found.part.value), platform)]
    extension = found.output.extension if found.output is not None else ""
    return [paths.result_name(digest, extension) for digest in found.digests]


def _url(item: Artifact, name: str | None, place: Found, link: Link) -> str | None:
    return None if name is None else link(name, place, item.filename, item.content_type)


def _diff_url(item: Artifact, places: list[Found], base: str) -> str | None:
    """The operation that makes the diff, where what it is made of is there."""
    if item.test is None or item.output is None or not all(place.where for place in places):
        return None
    query = urlencode({"regression_id": item.test.regression_id, "output_id": item.output.output_id})
    return f"{base}/runs/{item.run_id}/samples/{item.test.sample_id}/diff?{query}"
