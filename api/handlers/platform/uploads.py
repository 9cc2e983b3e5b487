"""Operations on uploads that wait to be described, as the Sample Platform has them; they are samples already."""
from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api.domain.auth.access import Role
from api.handlers.library.samples import editor
from api.rendering.platform import library as render
from api.rendering.platform.runs import page
from api.services.catalog import library_samples
from api.services.catalog.library_samples import NewSamples, SampleEdit
from api.specfirst import request_context
from api.specfirst.responses.json_responses import answer
from api.storage.catalog import waiting_uploads
from api.storage.catalog.waiting_uploads import WaitingUpload
from api.storage.files.archive import Archive
from api.storage.files.incoming import FileStore
from api.streaming.library_upload import receive_file

Json = dict[str, Any]


def _whose() -> int | None:
    """Whose uploads the caller may see; an admin everybody's."""
    caller = request_context.caller()
    return None if caller.role is Role.ADMIN else caller.user_id


def _load(queued_id: int) -> WaitingUpload:
    return waiting_uploads.load_waiting(queued_id, _whose())


async def platform_upload_sample(request: Request) -> Response:
    """Keep a file that is sent in."""
    keep = partial(
        library_samples.keep_sample, archive=request_context.collaborator(Archive), by=editor(), now=request_context.now())
    sample_id = await receive_file(request, lambda file, _: keep(file))
    request_context.collaborator(NewSamples).arrived.set()
    return answer(render.waiting_upload(await request_context.in_thread(_load, sample_id)), HTTPStatus.CREATED)


def platform_list_queued_samples(limit: int, offset: int) -> Json:
    """List the uploads that wait to be described."""
    return page(waiting_uploads.list_waiting(_whose(), limit=limit, offset=offset), render.waiting_upload)


def platform_get_queued_sample(queued_id: int) -> Json:
    """Show an upload that waits."""
    return render.waiting_upload(_load(queued_id))


def platform_delete_queued_sample(queued_id: int) -> Json:
    """Drop an upload that waits."""
    found = _load(queued_id)
    library_samples.delete_sample(
        found.sample_id, None, request_context.collaborator(Archive), editor(), request_context.now())
    return {"id": queued_id, "deleted": True}


def platform_finalize_queued_sample(queued_id: int, body: Json) -> tuple[Json, int]:
    """Say how an upload came."""
    found = _load(queued_id)
    edit = SampleEdit(
        notes=body.get("notes"), version=body["version"], platform=body["platform"], parameters=body.get("parameters", ""))
    library_samples.edit_sample(found.sample_id, edit, None, editor(), request_context.now())
    return render.described_upload(found), HTTPStatus.CREATED


def platform_link_queued_sample(queued_id: int, body: Json) -> tuple[Json, int]:
    """Make an upload a further file of a sample."""
    found = _load(queued_id)
    extra = library_samples.move_to_extra_files(
        found.sample_id, body["sample_id"], request_context.collaborator(Archive), request_context.collaborator(FileStore), editor(),
        request_context.now())
    return {"id": extra.extra_id, "sample_id": body["sample_id"], "filename": render.extra_file_name(extra)}, HTTPStatus.CREATED
