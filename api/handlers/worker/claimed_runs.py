"""Operations of machines on the runs that they have claimed: how far a run is, what its tests came to, and the files of both."""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api.domain.errors import Invalid
from api.domain.runs.claimed_run import ReportedError, RunProgress, TestResult
from api.domain.runs.machine import parse_run_claim
from api.domain.runs.worker_message import ArtifactKind
from api.services.runs import claim_reports
from api.services.runs.shard_files import ShardFiles
from api.specfirst import request_context
from api.storage.files.archive import Archive
from api.storage.files.incoming import FileStore, IncomingFile

CODE_OF_TYPE = "Is no code of the type."


def put_claim_progress(claim: str, body: dict[str, Any]) -> None:
    """Move a claimed run on."""
    claim_reports.store_progress(
        parse_run_claim(claim), request_context.machine().name, RunProgress.from_json(body), now=request_context.now(),
        main_repository=request_context.values().main_repository)


def add_claim_results(claim: str, body: dict[str, Any]) -> None:
    """Keep the results of tests of a claimed run."""
    if faults := _faults_of(body["results"]):
        raise Invalid(faults)
    results = [TestResult.from_json(each) for each in body["results"]]
    claim_reports.store_results(
        parse_run_claim(claim), request_context.machine().name, results, request_context.collaborator(FileStore),
        request_context.collaborator(Archive), request_context.now())


def _faults_of(results: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What no schema can say is wrong with results, by field."""
    told = Counter(each["regression_id"] for each in results)
    faults = {}
    for number, each in enumerate(results):
        where = f"results[{number}]"
        if (each["ending"] is None) is (each["error"] is None):
            faults[where] = "Has either an ending or an error."
        if each["error"] is not None and not ReportedError.has_code_of_type(each["error"]):
            faults[f"{where}.error.code"] = CODE_OF_TYPE
        if told[each["regression_id"]] > 1:
            faults[f"{where}.regression_id"] = "Is told of once."
        # Its letters are those of the schema; what they end with may still be wrong.
        if len(each.get("log") or "") % 4:
            faults[f"{where}.log"] = "Is no base64."
    return faults


async def put_claim_output(claim: str, regression_id: int, output_id: int, request: Request) -> Response:
    """Keep an output of a claimed run's test that differs from its baseline."""
    return await _take(request, partial(
        claim_reports.store_output, parse_run_claim(claim), request_context.machine().name, regression_id, output_id))


async def put_claim_test_log(claim: str, regression_id: int, request: Request) -> Response:
    """Keep what a claimed run's test printed."""
    return await _take(request, partial(
        claim_reports.store_test_log, parse_run_claim(claim), request_context.machine().name, regression_id))


async def put_claim_run_file(claim: str, kind: str, request: Request) -> Response:
    """Keep a file of a claimed run."""
    return await _take(request, partial(
        claim_reports.store_artifact, parse_run_claim(claim), request_context.machine().name, ArtifactKind(kind), shard_files(),
        limit=request_context.values().max_upload))


def shard_files() -> ShardFiles:
    """The files of runs that are divided."""
    return ShardFiles(request_context.collaborator(Archive), request_context.collaborator(FileStore))


async def _take(request: Request, store: Callable[..., None]) -> Response:
    """Receive a file, and store it."""
    incoming = request_context.collaborator(FileStore).open_incoming()
    try:
        await _receive(request, incoming)
        archive = request_context.collaborator(Archive)
        await request_context.in_thread(store, incoming=incoming, archive=archive, now=request_context.now())
        return Response(status_code=204)
    finally:
        await request_context.in_thread(incoming.discard)


async def _receive(request: Request, incoming: IncomingFile) -> None:
    # A file of no bytes is a file.
    await request_context.in_thread(incoming.write, b"")
    async for chunk in request.stream():
        await request_context.in_thread(incoming.write, chunk)
