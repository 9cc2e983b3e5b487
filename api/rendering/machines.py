"""What machines are told of themselves and of their work."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from api.domain.jobs.job import Job
from api.domain.runs.machine import BusyMachine, ClaimState, JobClaim, Machine, WorkKind
from api.domain.runs.worker_suite import SuiteTest
from api.storage.runs.leases import Claim

Json = dict[str, Any]

# How many of the runs, and of the jobs, that a machine executes are named.
SHOWN = 100


def machine(found: Machine, lease_seconds: float) -> Json:
    """A machine, and for how long its claims hold after each heartbeat."""
    return {"name": found.name, "kinds": found.kinds, "platform": found.platform, "lease_seconds": lease_seconds}


def registered(found: BusyMachine) -> Json:
    """A machine, as its keepers see it."""
    machine = found.machine
    return {
        "name": machine.name, "kinds": machine.kinds, "platform": machine.platform, "created_at": machine.created_at,
        "seen_at": machine.seen_at, "has_unused_token": machine.has_unused_token, "run_ids": found.run_ids[:SHOWN],
        "job_ids": found.job_ids[:SHOWN]}


def issued(name: str, token: str) -> Json:
    """A machine's token, this once."""
    return {"name": name, "token": token}


def run_work(claim: Claim) -> Json:
    """A run that was claimed."""
    run = {
        "run_id": claim.run_id, "platform": claim.platform, "repository": claim.repository,
        "commit_sha": claim.commit, "branch": claim.branch, "pull_request": claim.pull_request,
        "shard": claim.shard, "shards": claim.shards}
    return {"claim": str(claim.reference), "kind": WorkKind.RUN, "run": run, "job": None}


def job_work(job: Job) -> Json:
    """A job that was claimed, with the hash and the size of its project."""
    told = {
        "job_id": job.job_id, "attempt": job.attempt, "fence": job.fence, "owner_id": job.owner_id, "orders": job.orders.as_json(),
        "project": None if job.zip is None else {"sha256": job.zip.sha256, "size": job.zip.size}}
    return {"claim": str(JobClaim(job.job_id, job.fence)), "kind": WorkKind.JOB, "run": None, "job": told}


def claims(states: Iterable[tuple[str, ClaimState]], lease_seconds: float, report_seconds: float) -> Json:
    """How claims stand, by their names, for how long those hold that do, and how long a machine waits between two reports."""
    return {
        "claims": [{"claim": name, "state": state} for name, state in states], "lease_seconds": lease_seconds,
        "report_seconds": report_seconds}


def tests(suite: Iterable[SuiteTest]) -> Json:
    """The regression tests of a run, as a machine executes them."""
    return {"tests": [
        {"regression_id": each.regression_id, "category": each.category, "command": each.command, "input_type": each.input_type,
         "output_type": each.output_type, "sample_sha256": each.sample_sha, "sample_name": each.sample_name,
         "outputs": [
             {"output_id": file.output_id, "baseline_sha256": file.baseline, "name": file.name, "ignored": file.ignored}
             for file in each.files]}
        for each in suite]}
