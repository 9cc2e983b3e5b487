"""Operations of the workers' protocol: forms in, one word of text out."""
from __future__ import annotations

from collections.abc import Callable
from functools import partial
from hashlib import sha256
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from api.domain.expected import ExpectedOutput
from api.domain.progress import LateEventKind
from api.domain.run import Platform
from api.domain.worker_message import (
    WITH_FILE,
    Answer,
    ArtifactMessage,
    EqualityMessage,
    FinishMessage,
    LogMessage,
    Malformed,
    ProgressMessage,
    UploadMessage,
    WorkerMessage,
    parse_message,
)
from api.handlers import context
from api.handlers.forms import read_form
from api.storage import names, reports
from api.storage.archive import Archive
from api.storage.claims import in_maintenance
from api.storage.database import transact
from api.storage.files import FileStore, Incoming
from api.storage.logs import Readable
from api.storage.progress import record_late_event
from api.storage.workers import find_platform, lock_workers_run

PIECE = 4 << 20


async def report(request: Request, run_id: int, token: str) -> Response:
    """Take one message of a run's worker, which the gate has let in by the run's secret."""
    incoming = context.collaborator(FileStore).open_incoming()
    try:
        values = context.values()
        fields, has_file = await read_form(request, incoming, max_file=values.max_upload)
        message = parse_message(fields)
        if not isinstance(message, FinishMessage):
            # The runner in use dies of an error of `finish`, so that one is counted but never refused.
            context.refuse_if_over_limit()
        if isinstance(message, WITH_FILE) and not has_file:
            return PlainTextResponse(Answer.EMPTY)
        return PlainTextResponse(await context.in_thread(_take, run_id, message, incoming))
    except Malformed as wrong:
        return PlainTextResponse(f"FAIL: {wrong.field[:50]} is missing or malformed.", HTTPStatus.BAD_REQUEST)
    finally:
        if incoming.has_begun:
            await context.in_thread(incoming.discard)


async def report_at_root(request: Request, run_id: int, token: str) -> Response:
    """Take one message of a run's worker, at the shorter path that some workers use."""
    return await report(request, run_id, token)


def get_maintenance_mode(platform: str) -> str:
    """Tell whether runs of a platform may be started now."""
    if platform not in set(Platform):
        return "ERROR"
    return str(in_maintenance(platform))


def _take(run_id: int, message: WorkerMessage, incoming: Incoming) -> Answer:
    now = context.now()
    match message:
        case ProgressMessage():
            main = context.values().main_repository
            return transact(partial(reports.take_progress, run_id, message, now=now, main_repository=main))
        case FinishMessage():
            return transact(partial(reports.take_finish, run_id, message, now=now))
        case EqualityMessage():
            return transact(partial(reports.take_equality, run_id, message, now=now))
        case UploadMessage():
            return _take_file(incoming, partial(reports.take_upload, run_id, message, now=now, place=partial(_place_output, incoming)))
        case LogMessage() | ArtifactMessage():
            return _take_file(incoming, partial(_keep_file, run_id, message, incoming))


def _take_file(incoming: Incoming, take: Callable[[], Answer]) -> Answer:
    """Take a message with a file; while the database is locked, the file is only given its name.

    Its bytes are on the disk before there is a row of it, and its name is before the sender hears OK. Whoever is cut off in
    between has heard nothing and sends again: a file without its row is found in its place, a row without its file gets it.
    """
    incoming.make_durable()
    answer = transact(take)
    incoming.confirm()
    return answer


def _place_output(incoming: Incoming, output: ExpectedOutput) -> str:
    name = names.result_name(incoming.digest, output.extension)
    if name is not None:
        context.collaborator(Archive).keep(name, incoming)
    return incoming.digest


def _keep_file(run_id: int, message: LogMessage | ArtifactMessage, incoming: Incoming) -> Answer:
    """Within a transaction: keep a file of the run, under a name that the worker has no say in."""
    archive = context.collaborator(Archive)
    if isinstance(message, ArtifactMessage):
        archive.keep(names.artifact_name(run_id, message.kind, find_platform(run_id)), incoming)
    elif message.regression_id is None:
        _keep_log(run_id, archive, incoming)
    elif lock_workers_run(run_id, context.now()).find_test(message.regression_id) is not None:
        archive.keep(names.test_log_name(run_id, message.regression_id), incoming)
    return Answer.OK


def _keep_log(run_id: int, archive: Archive, incoming: Incoming) -> None:
    now = context.now()
    name = names.log_name(run_id)
    if lock_workers_run(run_id, now).status.is_over and _is_another(archive, name, incoming):
        record_late_event(run_id, LateEventKind.LOG_REPLACED, now)
    archive.keep(name, incoming)


def _is_another(archive: Archive, name: str, incoming: Incoming) -> bool:
    """Whether there is a file of this name with another content."""
    with archive.hold(name) as present:
        if present is None:
            return False
        return present.size != incoming.size or _digest(present) != incoming.digest


def _digest(file: Readable) -> str:
    hashed = sha256()
    for start in range(0, file.size, PIECE):
        hashed.update(file.read(start, PIECE))
    return hashed.hexdigest()
