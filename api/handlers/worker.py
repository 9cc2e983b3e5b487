"""Operations of the workers' protocol, which take forms and answer in plain text."""
from __future__ import annotations

from collections.abc import Callable
from functools import partial
from hashlib import sha256
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from api.domain.runs.expected_tests import ExpectedOutput
from api.domain.runs.progress import LateEventKind
from api.domain.runs.run import Platform
from api.domain.runs.worker_message import (
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
from api.services.results.analysis_requests import AnalysisRequests
from api.services.runs import worker_reports
from api.services.runs.worker_access import lock_worker_run
from api.specfirst import request_context
from api.specfirst.multipart import read_form
from api.storage.database import transact
from api.storage.files import paths
from api.storage.files.archive import Archive
from api.storage.files.incoming import FileStore, IncomingFile
from api.storage.runs.leases import in_maintenance
from api.storage.runs.progress import record_late_event
from api.storage.runs.worker_secrets import find_platform
from api.storage.text.log_windows import Readable

PIECE = 4 << 20


async def report(request: Request, run_id: int, token: str) -> Response:
    """Take one message of a run's worker, which the gate has let in by the run's secret."""
    incoming = request_context.collaborator(FileStore).open_incoming()
    try:
        values = request_context.values()
        form = await read_form(request, incoming, max_file=values.max_upload)
        message = parse_message(form.fields)
        if not isinstance(message, FinishMessage):
            # The runner in use dies of an error of `finish`, so that one is counted but never refused.
            request_context.refuse_if_over_limit()
        if isinstance(message, WITH_FILE) and not form.has_file:
            return PlainTextResponse(Answer.EMPTY)
        return PlainTextResponse(await request_context.in_thread(_take, run_id, message, incoming))
    except Malformed as wrong:
        return PlainTextResponse(f"FAIL: {wrong.field[:50]} is missing or malformed.", HTTPStatus.BAD_REQUEST)
    finally:
        if incoming.has_begun:
            await request_context.in_thread(incoming.discard)


async def report_at_root(request: Request, run_id: int, token: str) -> Response:
    """Take one message of a run's worker, at the shorter path that some workers use."""
    return await report(request, run_id, token)


def get_maintenance_mode(platform: str) -> str:
    """Tell whether runs of a platform may be started now."""
    if platform not in set(Platform):
        return "ERROR"
    return str(in_maintenance(platform))


def _take(run_id: int, message: WorkerMessage, incoming: IncomingFile) -> Answer:
    now = request_context.now()
    match message:
        case ProgressMessage():
            main = request_context.values().main_repository
            answer = transact(partial(worker_reports.store_progress, run_id, message, now=now, main_repository=main))
            if message.phase.is_finished:
                request_context.collaborator(AnalysisRequests).wake.set()
            return answer
        case FinishMessage():
            return transact(partial(worker_reports.store_finish, run_id, message, now=now))
        case EqualityMessage():
            return transact(partial(worker_reports.store_equality, run_id, message, now=now))
        case UploadMessage():
            place = partial(_place_output, incoming)
            return _take_file(incoming, partial(worker_reports.store_upload, run_id, message, now=now, place=place))
        case LogMessage() | ArtifactMessage():
            return _take_file(incoming, partial(_keep_file, run_id, message, incoming))


def _take_file(incoming: IncomingFile, take: Callable[[], Answer]) -> Answer:
    """Take a message with a file; while the database is locked, the file is only given its name.

    Its bytes are on the disk before there is a row of it, and its name is before the sender hears OK. Whoever is cut off in
    between has heard nothing and sends again: a file without its row is found in its place, a row without its file gets it.
    """
    incoming.make_durable()
    answer = transact(take)
    incoming.sync_name()
    return answer


def _place_output(incoming: IncomingFile, output: ExpectedOutput) -> str:
    name = paths.result_name(incoming.digest, output.extension)
    if name is not None:
        request_context.collaborator(Archive).keep(name, incoming)
    return incoming.digest


def _keep_file(run_id: int, message: LogMessage | ArtifactMessage, incoming: IncomingFile) -> Answer:
    """Within a transaction: keep a file of the run, under a name that the worker has no say in."""
    archive = request_context.collaborator(Archive)
    if isinstance(message, ArtifactMessage):
        archive.keep(paths.artifact_name(run_id, message.kind, find_platform(run_id)), incoming)
    elif message.regression_id is None:
        _keep_log(run_id, archive, incoming)
    elif lock_worker_run(run_id, request_context.now()).find_test(message.regression_id) is not None:
        archive.keep(paths.test_log_name(run_id, message.regression_id), incoming)
    return Answer.OK


def _keep_log(run_id: int, archive: Archive, incoming: IncomingFile) -> None:
    now = request_context.now()
    name = paths.log_name(run_id)
    if lock_worker_run(run_id, now).status.is_finished and _is_another(archive, name, incoming):
        record_late_event(run_id, LateEventKind.LOG_REPLACED, now)
    archive.keep(name, incoming)


def _is_another(archive: Archive, name: str, incoming: IncomingFile) -> bool:
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
