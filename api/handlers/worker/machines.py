"""Operations of machines: they claim work, keep it, fetch what it needs, and end it."""
from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence, Set
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api.domain.errors import Invalid, NotFound, Unprocessable
from api.domain.jobs.agents import HANDOVER, Agent
from api.domain.jobs.claimed_job import JobEnd
from api.domain.jobs.job import Job
from api.domain.random_source import RandomSource
from api.domain.runs.claimed_run import ReportedError, RunEnd, RunOutcome
from api.domain.runs.executable import NoExecutable
from api.domain.runs.expected_tests import ExpectedTests
from api.domain.runs.machine import ClaimState, JobClaim, RunClaim, WorkKind, find_claim, parse_claim, parse_job_claim, parse_run_claim
from api.domain.runs.worker_suite import dotted, suite_of
from api.handlers.worker.claimed_runs import CODE_OF_TYPE, shard_files
from api.host.full_disk import DISK_RESERVE
from api.rendering import machines as render_machines
from api.rendering.file_responses import Sendable, file_answer
from api.services.jobs import claims as job_claims
from api.services.policies import WorkPolicy
from api.services.report_pace import ReportPace
from api.services.results.analysis_requests import AnalysisRequests
from api.services.runs import claim_reports, leases
from api.services.runs.runs import load_run
from api.specfirst import request_context
from api.specfirst.responses.json_responses import answer, etag
from api.storage.database import database_now
from api.storage.files import paths
from api.storage.files.archive import Archive
from api.storage.files.executables import find_executable
from api.storage.files.file_digest import file_digest
from api.storage.jobs.artifacts import open_file
from api.storage.jobs.incoming_attempts import check_room, keep_upload
from api.storage.jobs.job_store import JobStore
from api.storage.jobs.jobs import count_of_account, list_claimed_by
from api.storage.jobs.places import AttemptPlace, project_name
from api.storage.runs.expected_tests import load_expected_tests
from api.storage.runs.leases import Claim, Holder, load_held_claim
from api.storage.runs.shard_tests import load_shards
from api.streaming.gathering import gathered
from api.streaming.library_upload import content_length
from api.streaming.work_queue import Waiting, WorkQueue, wake

# How much of a log is appended at a time, at most.
APPENDED_BYTES = 1 << 20
FILES = "The files of a claimed run are the samples of its tests, and its executable; that of a claimed job is its project."


def get_machine() -> dict[str, Any]:
    """Tell a machine who it is."""
    return render_machines.machine(request_context.machine(), _policy().lease.total_seconds())


async def claim_work(request: Request, body: dict[str, Any]) -> Response:
    """Give a machine its next work, waiting for some; first what it was given before and does not know of."""
    machine = request_context.machine()
    kinds = tuple(kind for kind in machine.kinds if kind in body.get("kinds", machine.kinds))
    holder, holding = Holder(machine.name, body["session"]), {find_claim(name) for name in body["holding"]}
    found: Claim | Job | None = None
    if WorkKind.RUN in kinds:
        found = await request_context.in_thread(_find_unheard, holder, {each for each in holding if isinstance(each, RunClaim)})
    if found is None:
        return await _hand_over(request, Waiting(machine, holder, kinds), body["wait"])
    return answer(await request_context.in_thread(_render_work, found))


def _render_work(found: Claim | Job | None) -> dict[str, Any]:
    if found is None:
        return {"work": None}
    return {"work": render_machines.run_work(found) if isinstance(found, Claim) else render_machines.job_work(found)}


def _find_unheard(holder: Holder, holding: Set[RunClaim]) -> Claim | None:
    return leases.find_unheard_claim(holder, holding, now=database_now(), random_source=request_context.collaborator(RandomSource))


async def _hand_over(request: Request, who: Waiting, seconds: int) -> Response:
    """Wait for work, until the machine hangs up; what it cannot hear of any more is taken back."""
    queue = request_context.collaborator(WorkQueue)
    waiting, leaving = asyncio.ensure_future(queue.wait(who, seconds)), asyncio.ensure_future(_hung_up(request))
    try:
        await asyncio.wait((waiting, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            # From now on nothing more is claimed.
            waiting.cancel()
            await asyncio.wait((waiting,))
        found = None if waiting.cancelled() else waiting.result()
        told = answer(await request_context.in_thread(_render_work, found))
        if found is not None and leaving.done():
            await queue.give_back(who, found)
        return told
    finally:
        for each in (waiting, leaving):
            each.cancel()


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def list_claims() -> dict[str, Any]:
    """List the jobs that a machine has claimed, so that a process that starts anew goes on with them."""
    return {"claims": [render_machines.job_work(job) for job in list_claimed_by(request_context.machine().name)]}


def renew_claims(body: dict[str, Any]) -> dict[str, Any]:
    """Keep a machine's claims for another lease, or for longer where it leaves; and write down how it is."""
    name, now = request_context.machine().name, database_now()
    lease = HANDOVER if body["leaving"] else _policy().lease
    claims = {each: find_claim(each) for each in body["claims"]}
    of_jobs = [each for each in claims.values() if isinstance(each, JobClaim)]
    jobs = job_claims.leave(of_jobs, name, now) if body["leaving"] else job_claims.renew_jobs(of_jobs, name, deadline=now + lease)
    runs = _renew_runs([each for each in claims.values() if isinstance(each, RunClaim)], name, now + lease)
    if "condition" in body and not body["leaving"] and WorkKind.JOB in request_context.machine().kinds:
        job_claims.record_agent(Agent(
            name, **{**body["condition"], "missing": tuple(body["condition"]["missing"])}, seen_at=now))
    states = {**jobs, **runs}
    return render_machines.claims(
        [(each, states.get(each, ClaimState.LOST)) for each in body["claims"]], lease.total_seconds(),
        request_context.collaborator(ReportPace).seconds())


def _renew_runs(claims: Sequence[RunClaim], machine: str, until: datetime) -> dict[str, ClaimState]:
    held = leases.renew_claims(claims, machine, deadline=until) if claims else set()
    return {str(each): ClaimState.HELD if each in held else ClaimState.LOST for each in claims}


def end_claim(claim: str, body: dict[str, Any]) -> None:
    """Take a claim back, with what came of it. A claim that is lost, or was ended before, stays as it is."""
    held = parse_claim(claim)
    if isinstance(held, RunClaim):
        _end_run(held, body)
    else:
        _end_job(held, body)
        wake()


def _end_run(held: RunClaim, body: dict[str, Any]) -> None:
    if "run" not in body:
        raise Invalid({"run": "Is required."})
    error = body["run"]["error"]
    if error is not None and not ReportedError.has_code_of_type(error):
        raise Invalid({"run.error.code": CODE_OF_TYPE})
    end = RunEnd.from_json(body["run"])
    if (end.error is None) is not (end.outcome is RunOutcome.COMPLETED):
        raise Invalid({"run.error": "Belongs to a run that was not completed, and to no other."})
    claim_reports.end_run(
        held, request_context.machine().name, end, shard_files(), now=database_now(),
        main_repository=request_context.values().main_repository, random_source=request_context.collaborator(RandomSource))
    request_context.collaborator(AnalysisRequests).wake.set()


def _end_job(held: JobClaim, body: dict[str, Any]) -> None:
    name, now = request_context.machine().name, database_now()
    if "result" in body:
        job_claims.end_job(held, name, JobEnd.from_json(body["result"]), _jobs(), now)
    elif "attempt" not in body:
        raise Invalid({"result": "Is required."})
    elif body["attempt"] == "released":
        job_claims.release_job(held, name, now)
    else:
        job_claims.lose_job(held, name, now, began=body["attempt"] == "lost")


async def append_claim_log(claim: str, start: int, request: Request) -> Response:
    """Append to the log of what was claimed what is not there yet, as it comes."""
    append: Append = await request_context.in_thread(_log_of, parse_claim(claim))
    size, state = None, ClaimState.HELD
    async for chunk in gathered(request, APPENDED_BYTES):
        size, state = await request_context.in_thread(append, start, chunk)
        start += len(chunk)
    if size is None:
        size, state = await request_context.in_thread(append, start, b"")
    return answer({"size": size, "state": state})


Append = Callable[[int, bytes], tuple[int, ClaimState]]


def _log_of(claim: RunClaim | JobClaim) -> Append:
    """What appends bytes to a log from an offset on, and says how long it is then and how the claim stands. Raises NotFound."""
    if isinstance(claim, RunClaim):
        return partial(
            claim_reports.append_log, claim, request_context.machine().name, parts=shard_files(), now=request_context.now(),
            limit=request_context.values().max_upload)
    job, place = _held_attempt(claim)
    logs, state = _jobs().logs, job_claims.state_of(job)
    return lambda start, chunk: (logs.append(place, start, chunk), state)


async def put_claim_artifact(claim: str, sha256: str, request: Request) -> Response:
    """Keep a file that a claimed job left, until the result says what it is called."""
    job, place = await request_context.in_thread(_held_attempt, parse_job_claim(claim))
    announced = content_length(request)
    try:
        await request_context.in_thread(_check_room, job, place, announced)
    except Unprocessable:
        # Who still sends would not read the answer.
        async for _ in request.stream():
            continue
        raise
    await _receive(request, job, place, sha256, announced)
    return Response(status_code=204)


async def _receive(request: Request, job: Job, place: AttemptPlace, sha256: str, announced: int) -> None:
    incoming = _jobs().spool.open_incoming()
    try:
        await request_context.in_thread(incoming.write, b"")
        async for chunk in request.stream():
            await request_context.in_thread(incoming.write, chunk)
        if incoming.size > announced:
            await request_context.in_thread(_check_room, job, place, incoming.size)
        await request_context.in_thread(keep_upload, _jobs(), place, incoming, sha256)
    finally:
        await request_context.in_thread(incoming.discard)


def _held_attempt(claim: JobClaim) -> tuple[Job, AttemptPlace]:
    job = job_claims.held_job(claim, request_context.machine().name)
    return job, AttemptPlace(job.job_id, job.attempt, job.fence)


def _check_room(job: Job, place: AttemptPlace, size: int) -> None:
    policy = _policy()
    _, kept = count_of_account(job.owner_id, since=request_context.now() - policy.retention)
    check_room(_jobs(), place, size, quota_left=policy.quota - kept, reserve=DISK_RESERVE)


def list_claim_tests(claim: str) -> dict[str, Any]:
    """List what is to be executed: the tests of the shard that was claimed."""
    held = _held(claim)
    tests = _tests_of(held)
    if shards := load_shards(held.run_id):
        tests = tests.only(shards[held.shard])
    baselines = {
        (output.baseline, paths.result_name(output.baseline, output.extension))
        for test in tests.tests for output in test.outputs if output.has_baseline}
    places = request_context.collaborator(Archive).look(name for _, name in baselines)
    absent = frozenset(digest for digest, name in baselines if name is None or not places[name].where)
    return render_machines.tests(suite_of(tests, absent))


def get_claim_executable(claim: str) -> dict[str, Any]:
    """Say which file is the executable, or why there is none in the operator's folder."""
    found = _held(claim)
    try:
        path = _executable(found)
        return {"file": {"sha256": file_digest(path), "size": path.stat().st_size}, "error": None}
    except NoExecutable as why:
        return {"file": None, "error": ReportedError.of(why.code, why.reason).as_json()}


async def get_claim_file(claim: str, sha256: str, request: Request, range: str | None = None, if_range: str | None = None) -> Response:
    """Send a file that the claimed run needs, or a part of it: one of its samples, or its executable."""
    source = await request_context.in_thread(_open, claim, sha256)
    return file_answer(source, tag=etag(sha256.encode()), filename=sha256, wanted=range, if_range=if_range)


def _open(claim: str, sha256: str) -> Sendable:
    named = parse_claim(claim)
    if isinstance(named, JobClaim):
        return _open_project(named, sha256)
    held = _held(claim)
    sample = next((test for test in _tests_of(held).tests if test.sample_sha.lower() == sha256), None)
    source: Sendable | None = None
    if sample is not None:
        name = paths.sample_name(sample.sample_sha, dotted(sample.sample_extension))
        source = request_context.collaborator(Archive).open(name)
    else:
        source = _open_executable(held, sha256)
    if source is None:
        raise NotFound("file", sha256, remedy=FILES)
    return source


def _open_project(claim: JobClaim, sha256: str) -> Sendable:
    job, _ = _held_attempt(claim)
    found = _jobs().files.open(project_name(job.job_id))
    if found is None or job.zip is None or job.zip.sha256 != sha256:
        raise NotFound("file", sha256, remedy=FILES)
    return found


def _open_executable(claim: Claim, sha256: str) -> Sendable | None:
    try:
        path = _executable(claim)
        return open_file(path) if file_digest(path) == sha256 else None
    except (NoExecutable, OSError):
        return None


def _held(name: str) -> Claim:
    """The claim of this name, if the machine has it. Raises NotFound."""
    return load_held_claim(parse_run_claim(name), request_context.machine().name)


def _tests_of(claim: Claim) -> ExpectedTests:
    return load_expected_tests(load_run(claim.run_id).expected_tests_id)


def _executable(claim: Claim) -> Path:
    policy = _policy()
    return find_executable(policy.executables, claim.repository, claim.commit, claim.platform, main_repository=policy.main_repository)


def _jobs() -> JobStore:
    return request_context.collaborator(JobStore)


def _policy() -> WorkPolicy:
    return request_context.collaborator(WorkPolicy)
