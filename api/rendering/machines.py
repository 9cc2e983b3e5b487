"""What machines are told of themselves and of their work."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from api.domain.runs.machine import ClaimState, Machine, WorkKind
from api.domain.runs.worker_suite import SuiteTest
from api.storage.runs.leases import Claim

Json = dict[str, Any]


def machine(found: Machine, lease_seconds: float) -> Json:
    """A machine, and for how long its claims hold after each heartbeat."""
    return {"name": found.name, "kinds": found.kinds, "platform": found.platform, "lease_seconds": lease_seconds}


def work(claim: Claim | None) -> Json:
    """The work that was claimed, or none."""
    if claim is None:
        return {"work": None}
    run = {
        "run_id": claim.run_id, "report_token": claim.token, "platform": claim.platform, "repository": claim.repository,
        "commit_sha": claim.commit, "branch": claim.branch, "pull_request": claim.pull_request}
    return {"work": {"claim": str(claim.reference), "kind": WorkKind.RUN, "run": run}}


def claims(states: Mapping[str, ClaimState]) -> Json:
    """How claims stand, by their names."""
    return {"claims": [{"claim": name, "state": state} for name, state in states.items()]}


def tests(suite: Iterable[SuiteTest]) -> Json:
    """The regression tests of a run, as a machine executes them."""
    return {"tests": [
        {"regression_test_id": each.regression_id, "category": each.category, "command": each.command, "input_type": each.input_type,
         "output_type": each.output_type, "sample_sha256": each.sample_sha, "sample_name": each.sample_name,
         "outputs": [
             {"test_file_id": file.output_id, "baseline_sha256": file.baseline, "name": file.name, "ignored": file.ignored}
             for file in each.files]}
        for each in suite]}
