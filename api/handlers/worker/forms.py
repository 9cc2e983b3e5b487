"""Operations of the workers' protocol, which take forms and answer in plain text."""
from __future__ import annotations

from functools import partial
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from api.domain.runs.expected_tests import ExpectedOutput
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
from api.services.runs.run_files import output_name, place_artifact, place_log, place_output, take_file
from api.services.runs.worker_access import find_expected_tests, lock_worker_run
from api.specfirst import request_context
from api.specfirst.multipart import read_form
from api.storage.database import transact
from api.storage.files.archive import Archive
from api.storage.files.incoming import FileStore, IncomingFile
from api.storage.runs.leases import in_maintenance


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
            store = partial(worker_reports.store_upload, run_id, message, now=now, place=partial(_place_output, incoming))
            test = find_expected_tests(run_id).by_id.get(message.regression_id)
            output = None if test is None else test.output(message.output_id)
            return take_file(_archive(), incoming, store, name=None if output is None else output_name(output, incoming))
        case LogMessage() | ArtifactMessage():
            return take_file(_archive(), incoming, partial(_keep_file, run_id, message, incoming))


def _archive() -> Archive:
    return request_context.collaborator(Archive)


def _place_output(incoming: IncomingFile, output: ExpectedOutput) -> str:
    return place_output(_archive(), output, incoming)


def _keep_file(run_id: int, message: LogMessage | ArtifactMessage, incoming: IncomingFile) -> Answer:
    """Within a transaction: keep a file of the run."""
    if isinstance(message, ArtifactMessage):
        place_artifact(_archive(), run_id, message.kind, incoming)
    else:
        now = request_context.now()
        place_log(_archive(), lock_worker_run(run_id, now), incoming, now)
    return Answer.OK
