"""Operations by which people keep samples: upload, download, edit, delete, extra files."""
from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api.domain.catalog.change import Editor, version_of
from api.domain.display_bounds import shown_email
from api.domain.errors import NotFound
from api.handlers.results.samples import shown_sample
from api.rendering import library as render_library
from api.rendering.file_responses import file_answer
from api.services.catalog import library_samples
from api.services.catalog.library_samples import NewSamples, SampleEdit
from api.specfirst import request_context
from api.specfirst.responses.json_responses import answer, etag
from api.storage.catalog import sample_rows, samples
from api.storage.files import paths
from api.storage.files.archive import Archive
from api.storage.files.stored_file import Source
from api.streaming.library_upload import receive_file


def editor() -> Editor:
    """The caller, as the record of changes names them."""
    caller = request_context.caller()
    return Editor(caller.user_id, shown_email(caller.email, caller.user_id))


async def upload_sample(request: Request) -> Response:
    """Make a sample of a file that is sent in."""
    keep = partial(
        library_samples.keep_sample, archive=request_context.collaborator(Archive), by=editor(), now=request_context.now())
    sample_id = await receive_file(request, lambda file, _: keep(file), "name")
    request_context.collaborator(NewSamples).arrived.set()
    kept = await request_context.in_thread(library_samples.load_kept_sample, sample_id)
    return answer(render_library.kept_sample(kept, None), HTTPStatus.CREATED, {"ETag": version_of(kept.values)})


async def download_sample(
    request: Request, sample_id: int, range: str | None = None, if_range: str | None = None,
) -> Response:
    """Send a sample's file, or the part of it that is asked for."""
    source, name = await request_context.in_thread(_open_sample, sample_id)
    return _file(source, name, range, if_range)


async def download_extra_file(
    request: Request, sample_id: int, extra_id: int, range: str | None = None, if_range: str | None = None,
) -> Response:
    """Send a further file of a sample, or the part of it that is asked for."""
    source, name = await request_context.in_thread(_open_extra_file, sample_id, extra_id)
    return _file(source, name, range, if_range)


def update_sample(sample_id: int, body: dict[str, Any], if_match: str | None = None) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Change what is known of a sample."""
    tags = body.get("tags")
    edit = SampleEdit(
        body.get("name"), body.get("notes"), None if tags is None else tuple(tags), body.get("version"), body.get("platform"),
        body.get("parameters"))
    kept = library_samples.edit_sample(sample_id, edit, if_match, editor(), request_context.now())
    return shown_sample(kept)


def delete_sample(sample_id: int, if_match: str | None = None) -> tuple[None, int]:
    """Delete a sample that nothing refers to."""
    library_samples.delete_sample(
        sample_id, if_match, request_context.collaborator(Archive), editor(), request_context.now())
    return None, HTTPStatus.NO_CONTENT


async def add_extra_file(request: Request, sample_id: int) -> Response:
    """Keep a further file of a sample."""
    await request_context.in_thread(samples.check_sample, sample_id)
    keep = partial(
        library_samples.add_extra_file, archive=request_context.collaborator(Archive), by=editor(), now=request_context.now())
    await receive_file(request, lambda file, _: keep(sample_id, file), "name")
    content, _, headers = await request_context.in_thread(lambda: shown_sample(library_samples.load_kept_sample(sample_id)))
    return answer(content, HTTPStatus.CREATED, headers)


def delete_extra_file(sample_id: int, extra_id: int) -> tuple[None, int]:
    """Delete a further file of a sample."""
    library_samples.delete_extra_file(
        sample_id, extra_id, request_context.collaborator(Archive), editor(), request_context.now())
    return None, HTTPStatus.NO_CONTENT


def _open_sample(sample_id: int) -> tuple[Source, str]:
    sample = samples.load_sample(sample_id)
    return _opened(paths.sample_name(sample.sha, sample.extension), sample.name), sample.name


def _open_extra_file(sample_id: int, extra_id: int) -> tuple[Source, str]:
    sample, extra = samples.load_sample(sample_id), sample_rows.load_extra_file(sample_id, extra_id)
    return _opened(paths.extra_file_name(sample.sha, extra_id, extra.extension), extra.name), extra.name


def _opened(name: str | None, shown_as: str) -> Source:
    source = request_context.collaborator(Archive).open(name)
    if source is None:
        raise NotFound("file", shown_as[:100], remedy="It is in no store; ask the operator.")
    return source


def _file(source: Source, name: str, wanted: str | None, if_range: str | None) -> Response:
    tag = etag(f"{source.name} {source.version}".encode())
    return file_answer(source, tag=tag, filename=name, wanted=wanted, if_range=if_range)
