"""What people keep of the library, as JSON."""
from __future__ import annotations

from typing import Any

from api.domain.catalog.change import LibraryChange
from api.domain.catalog.media_info import MediaInfo
from api.domain.display_bounds import cut
from api.rendering.samples import sample_detail
from api.services.library_samples import KeptSample
from api.storage.catalog.labels import Label
from api.storage.catalog.sample_rows import ExtraFile

Json = dict[str, Any]


def extra_file(found: ExtraFile) -> Json:
    """A further file of a sample."""
    return {"extra_id": found.extra_id, "name": cut(found.name, 255)}


def kept_sample(found: KeptSample, info: MediaInfo | None, *, readable: bool = True) -> Json:
    """A sample with all that can be edited of it."""
    upload = found.upload
    return sample_detail(found.sample, info, readable=readable) | {
        "extra_files": [extra_file(each) for each in found.extra_files[:50]],
        "upload": None if upload is None else {
            "version": cut(upload.version, 10), "platform": cut(upload.platform, 50), "parameters": cut(upload.parameters, 1000)}}


def library_change(found: LibraryChange) -> Json:
    """Who changed what, and what was different afterwards."""
    return {
        "change_id": found.change_id, "kind": found.kind.value, "subject_id": found.subject_id, "action": found.action.value,
        "changed_by": found.changed_by, "changed_at": found.changed_at, "before": found.before, "after": found.after}


def tag(found: Label) -> Json:
    """A tag of samples."""
    return {"tag_id": found.label_id, "name": cut(found.name, 64), "description": cut(found.description, 1024)}
