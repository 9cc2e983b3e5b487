"""Operations on baselines: request an approval, review requests, list the history."""
from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Any

from api.domain.display_bounds import shown_email
from api.domain.errors import NotFound, Unprocessable
from api.domain.files.storage_status import StorageStatus
from api.domain.results.approval import (
    Approval,
    ApprovalStatus,
    BaselineProposal,
    Decision,
    Proposal,
    authorize_decision,
    check_bulk,
    check_current,
    check_open,
    propose,
)
from api.domain.results.result import JudgedTest
from api.domain.results.sample_lookup import choose_test
from api.domain.runs.run import Run
from api.rendering import baselines as render_baselines
from api.rendering.runs import page
from api.services import verdicts
from api.services.policies import ReviewPolicy
from api.specfirst import request_context
from api.specfirst.responses.audit import AuditEvent, audited
from api.storage.database import transact
from api.storage.files import paths
from api.storage.files.archive import Archive
from api.storage.results import approvals

OUTCOMES = {Decision.APPROVE: ApprovalStatus.APPROVED, Decision.REJECT: ApprovalStatus.REJECTED}
EVENTS = {Decision.APPROVE: AuditEvent.BASELINE_APPROVED, Decision.REJECT: AuditEvent.BASELINE_REJECTED}


def request_baseline_approval(run: Run, sample_id: int, body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Ask for an output of a run to become the baseline."""
    chosen = choose_test(verdicts.judge_run(run).tests, sample_id, body["regression_id"])
    proposal = propose(run.run_id, chosen.test.sample_id, chosen, _wish(body))
    _check_files([proposal])
    recorded = transact(partial(_record, run.run_id, [proposal]))
    return render_baselines.approval(recorded[0]), HTTPStatus.ACCEPTED


def request_baseline_approvals(run: Run, body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Ask for several outputs of a run to become baselines: all are recorded, or none."""
    judged = {test.test.regression_id: test for test in verdicts.judge_run(run).tests}
    proposals = [_proposal(run.run_id, judged, _wish(each)) for each in body["requests"]]
    check_bulk(proposals)
    _check_files(proposals)
    recorded = transact(partial(_record, run.run_id, proposals))
    return {"data": [render_baselines.approval(each) for each in recorded]}, HTTPStatus.ACCEPTED


def list_baseline_approvals(limit: int, offset: int, status: str | None = None, run_id: int | None = None) -> dict[str, Any]:
    """List requests for new baselines, newest first."""
    found = approvals.list_approvals(ApprovalStatus(status) if status else None, run_id, limit=limit, offset=offset)
    return page(found, render_baselines.approval)


def get_baseline_approval(approval_id: int) -> dict[str, Any]:
    """Show one request for a new baseline."""
    return render_baselines.approval(approvals.load_approval(approval_id))


def approve_baseline(approval_id: int, body: dict[str, Any]) -> dict[str, Any]:
    """Make the output the baseline, from now on."""
    return _decide(approval_id, Decision.APPROVE, body.get("reason"))


def reject_baseline(approval_id: int, body: dict[str, Any]) -> dict[str, Any]:
    """Leave the baseline as it is."""
    return _decide(approval_id, Decision.REJECT, body.get("reason"))


def list_baselines(regression_id: int, output_id: int, limit: int, offset: int) -> dict[str, Any]:
    """List how an output's baseline changed, newest first."""
    return page(approvals.list_changes(regression_id, output_id, limit=limit, offset=offset), render_baselines.change)


def _wish(body: dict[str, Any]) -> BaselineProposal:
    return BaselineProposal(body["regression_id"], body["output_id"], body["reason"], body.get("apply_to_variants", False))


def _proposal(run_id: int, judged: dict[int, JudgedTest], wish: BaselineProposal) -> Proposal:
    test = judged.get(wish.regression_id)
    if test is None:
        raise NotFound("regression_test", wish.regression_id, remedy="List the run's tests with GET /runs/{run_id}/samples.")
    return propose(run_id, test.test.sample_id, test, wish)


def _check_files(proposals: list[Proposal]) -> None:
    """Let pass outputs whose files are in the store: a baseline without a file could never be compared with."""
    files = {each.wish.output_id: paths.result_name(each.hash_after, each.extension) for each in proposals}
    found = request_context.collaborator(Archive).look(files.values())
    gone = sorted(
        output_id for output_id, name in files.items() if name is None or found[name].status is StorageStatus.MISSING)
    if gone:
        raise Unprocessable(
            "The output's file is gone from the store.", {"output_ids": gone}, remedy="Run the test again, and approve that run's output.")


def _record(run_id: int, proposals: list[Proposal]) -> list[Approval]:
    caller = request_context.caller()
    by = shown_email(caller.email, caller.user_id)
    baselines = approvals.load_baselines([each.wish.output_id for each in proposals])
    granted = approvals.find_granted(run_id, baselines)
    check_current((each for each in proposals if each.key not in granted), baselines)
    return [
        granted.get(each.key) or approvals.record_proposal(each, caller.user_id, by, request_context.now()) for each in proposals]


def _decide(approval_id: int, decision: Decision, reason: str | None) -> dict[str, Any]:
    with audited(EVENTS[decision], f"approval:{approval_id}"):
        authorized = approvals.load_approval(approval_id)
        authorize_decision(authorized, request_context.caller(), own_allowed=request_context.collaborator(ReviewPolicy).own_requests)
        if decision is Decision.APPROVE and authorized.status is ApprovalStatus.PENDING:
            _check_files([authorized.proposal])
        transact(partial(_carry_out, approval_id, decision, reason))
    return render_baselines.approval(approvals.load_approval(approval_id))


def _carry_out(approval_id: int, decision: Decision, reason: str | None) -> None:
    approval = approvals.load_approval(approval_id, locked=True)
    if check_open(approval, decision):
        caller = request_context.caller()
        by = shown_email(caller.email, caller.user_id)
        approvals.record_decision(approval, OUTCOMES[decision], by, reason, request_context.now())
