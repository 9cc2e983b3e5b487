"""Operations of machines: they claim work, keep it, fetch what it needs, and end it."""
from __future__ import annotations

import asyncio
from collections.abc import Set
from datetime import datetime
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api.domain.errors import NotFound
from api.domain.random_source import RandomSource
from api.domain.runs.expected_tests import ExpectedTests
from api.domain.runs.machine import ClaimState, Machine, RunClaim, find_claim, parse_claim
from api.domain.runs.worker_suite import dotted, suite_of
from api.rendering import machines as render_machines
from api.rendering.file_responses import Sendable, file_answer
from api.services.policies import WorkPolicy
from api.services.runs import leases
from api.services.runs.runs import load_run
from api.specfirst import request_context
from api.specfirst.responses.json_responses import answer, etag
from api.storage.database import database_now
from api.storage.files import paths
from api.storage.files.archive import Archive
from api.storage.files.executables import NoExecutable, find_executable
from api.storage.files.file_digest import file_digest
from api.storage.jobs.artifacts import open_file
from api.storage.runs.expected_tests import load_expected_tests
from api.storage.runs.leases import Claim, Holder, load_held_claim
from api.streaming.work_queue import WorkQueue


def get_machine() -> dict[str, Any]:
    """Tell a machine who it is."""
    return render_machines.machine(request_context.machine(), _policy().lease.total_seconds())


async def claim_work(request: Request, body: dict[str, Any]) -> Response:
    """Give a machine its next work, waiting for some; first what it was given before and does not know of."""
    machine = request_context.machine()
    holder, holding = Holder(machine.name, body["session"]), {find_claim(name) for name in body["holding"]}
    found = await request_context.in_thread(_find_unheard, holder, holding)
    if found is None:
        found = await _wait(request, machine, holder, body["wait"])
    return answer(render_machines.work(found))


def _find_unheard(holder: Holder, holding: Set[RunClaim | None]) -> Claim | None:
    return leases.find_unheard_claim(holder, holding, now=database_now(), chance=request_context.collaborator(RandomSource))


async def _wait(request: Request, machine: Machine, holder: Holder, seconds: int) -> Claim | None:
    """Wait for work, until the machine hangs up."""
    waiting = asyncio.ensure_future(request_context.collaborator(WorkQueue).wait(machine, holder, seconds))
    leaving = asyncio.ensure_future(_hung_up(request))
    try:
        await asyncio.wait((waiting, leaving), return_when=asyncio.FIRST_COMPLETED)
        return waiting.result() if waiting.done() else None
    finally:
        for each in (waiting, leaving):
            each.cancel()


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def renew_claims(body: dict[str, Any]) -> dict[str, Any]:
    """Keep a machine's claims for another lease."""
    name, until = request_context.machine().name, database_now() + _policy().lease
    return render_machines.claims({each: _renewed(each, name, until) for each in body["claims"]})


def _renewed(claim: str, machine: str, until: datetime) -> ClaimState:
    found = find_claim(claim)
    return ClaimState.HELD if found is not None and leases.renew_claim(found, machine, deadline=until) else ClaimState.LOST


def end_claim(claim: str, body: dict[str, Any]) -> None:
    """Take a claim back, with the reason where its run was given up. A claim that is lost, or was ended before, stays as it is."""
    held, name, now = parse_claim(claim), request_context.machine().name, database_now()
    if body["is_lost"] and body["failure"] is not None:
        chance = request_context.collaborator(RandomSource)
        leases.release_lost_claim(held, name, failure=body["failure"], now=now, chance=chance)
    else:
        leases.release_claim(held, name, failure=body["failure"], now=now)


def list_claim_tests(claim: str) -> dict[str, Any]:
    """List what is to be executed."""
    tests = _tests_of(_held(claim))
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
        return {"file": {"sha256": file_digest(path), "size": path.stat().st_size}, "refusal": None}
    except NoExecutable as why:
        return {"file": None, "refusal": {"type": why.kind, "reason": why.reason}}


async def get_claim_file(claim: str, sha256: str, request: Request, range: str | None = None, if_range: str | None = None) -> Response:
    """Send a file that the claimed run needs, or a part of it: one of its samples, or its executable."""
    source = await request_context.in_thread(_open, claim, sha256)
    return file_answer(source, tag=etag(sha256.encode()), filename=sha256, wanted=range, if_range=if_range)


def _open(claim: str, sha256: str) -> Sendable:
    held = _held(claim)
    sample = next((test for test in _tests_of(held).tests if test.sample_sha.lower() == sha256), None)
    source: Sendable | None = None
    if sample is not None:
        name = paths.sample_name(sample.sample_sha, dotted(sample.sample_extension))
        source = request_context.collaborator(Archive).open(name)
    else:
        source = _open_executable(held, sha256)
    if source is None:
        raise NotFound("file", sha256, remedy="A claim's files are the samples of its tests, and its executable.")
    return source


def _open_executable(claim: Claim, sha256: str) -> Sendable | None:
    try:
        path = _executable(claim)
        return open_file(path) if file_digest(path) == sha256 else None
    except (NoExecutable, OSError):
        return None


def _held(name: str) -> Claim:
    """The claim of this name, if the machine has it. Raises NotFound."""
    return load_held_claim(parse_claim(name), request_context.machine().name)


def _tests_of(claim: Claim) -> ExpectedTests:
    return load_expected_tests(load_run(claim.run_id).expected_tests_id)


def _executable(claim: Claim) -> Path:
    policy = _policy()
    return find_executable(policy.executables, claim.repository, claim.commit, claim.platform, main_repository=policy.main_repository)


def _policy() -> WorkPolicy:
    return request_context.collaborator(WorkPolicy)
