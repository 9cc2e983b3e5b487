"""Operations on baselines: request an approval, review requests, list the history."""
from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api.domain.errors import Invalid, NotFound
from api.domain.results.approval import Approval, ApprovalKind, ApprovalStatus, BaselineProposal, Proposal, check_reason, propose
from api.domain.results.result import JudgedTest
from api.domain.results.review import Decision, View, check_seen
from api.domain.results.sample_lookup import choose_test
from api.domain.runs.run import Run
from api.rendering import baselines as render_baselines
from api.rendering.runs import page
from api.services.catalog.library_samples import ReceivedFile
from api.services.policies import ReviewPolicy
from api.services.results import baseline_reviews, verdicts
from api.services.results.baseline_reviews import Reviewer, Selection
from api.services.runs import runs
from api.specfirst import request_context
from api.specfirst.responses.audit import AuditEvent, audited
from api.specfirst.responses.json_responses import answer
from api.storage.files.archive import Archive
from api.storage.results import approvals
from api.streaming.library_upload import receive_file

REASON_LENGTH = 500
EVENTS = {
    Decision.APPROVE: AuditEvent.BASELINE_APPROVED, Decision.REJECT: AuditEvent.BASELINE_REJECTED,
    Decision.REVERT: AuditEvent.BASELINE_REVERTED}


def request_baseline_approval(run: Run, sample_id: int, body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Ask for an output of a run to become the baseline."""
    chosen = choose_test(verdicts.judge_run(run).tests, sample_id, body["regression_id"])
    proposal = propose(run.run_id, chosen.test.sample_id, chosen, _wish(body))
    return render_baselines.approval(baseline_reviews.ask(run.run_id, [proposal], reviewer())[0]), HTTPStatus.ACCEPTED


def request_baseline_approvals(run: Run, body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Ask for several outputs of a run to become baselines: all are recorded, or none."""
    proposals = _of_cause(run, body["cluster"]) if "cluster" in body else _of_list(run, body["requests"])
    recorded = baseline_reviews.ask(run.run_id, proposals, reviewer())
    return {"data": [render_baselines.approval(each) for each in recorded]}, HTTPStatus.ACCEPTED


async def upload_baseline(request: Request, regression_id: int, output_id: int) -> Response:
    """Ask for a file that is sent in to become the baseline."""
    who = reviewer()

    def keep(file: ReceivedFile, fields: Mapping[str, str]) -> Approval:
        reason = fields.get("reason", "")
        if not 1 <= len(reason) <= REASON_LENGTH:
            raise Invalid({"reason": f"Must have 1 to {REASON_LENGTH} characters."})
        return baseline_reviews.ask_for_file(BaselineProposal(regression_id, output_id, reason), file.incoming, who)

    return answer(render_baselines.approval(await receive_file(request, keep, "reason")), HTTPStatus.ACCEPTED)


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


def revert_baseline(approval_id: int, body: dict[str, Any]) -> dict[str, Any]:
    """Put the baseline back that the output replaced."""
    return _decide(approval_id, Decision.REVERT, body.get("reason"))


def approve_baselines(body: dict[str, Any]) -> dict[str, Any]:
    """Make several outputs baselines, all or none."""
    return _decide_many(body, Decision.APPROVE)


def reject_baselines(body: dict[str, Any]) -> dict[str, Any]:
    """Leave several baselines as they are."""
    return _decide_many(body, Decision.REJECT)


def revert_baselines(body: dict[str, Any]) -> dict[str, Any]:
    """Put several baselines back, all or none."""
    return _decide_many(body, Decision.REVERT)


def list_baselines(regression_id: int, output_id: int, limit: int, offset: int) -> dict[str, Any]:
    """List how an output's baseline changed, newest first."""
    return page(approvals.list_changes(regression_id, output_id, limit=limit, offset=offset), render_baselines.change)


def _wish(body: dict[str, Any]) -> BaselineProposal:
    return BaselineProposal(
        body["regression_id"], body["output_id"], body["reason"], body.get("apply_to_variants", False),
        ApprovalKind(body.get("kind", ApprovalKind.BASELINE)))


def _of_cause(run: Run, asked: dict[str, Any]) -> list[Proposal]:
    check_reason(asked["reason"])
    found = baseline_reviews.find_cause(run, asked["class_id"], request_context.values().main_repository, asked["reason"])
    check_seen(found, _seen(asked))
    return found


def _of_list(run: Run, asked: list[dict[str, Any]]) -> list[Proposal]:
    judged = {test.test.regression_id: test for test in verdicts.judge_run(run).tests}
    return [_proposal(run.run_id, judged, _wish(each)) for each in asked]


def _proposal(run_id: int, judged: dict[int, JudgedTest], wish: BaselineProposal) -> Proposal:
    test = judged.get(wish.regression_id)
    if test is None:
        raise NotFound("regression_test", wish.regression_id, remedy="List the run's tests with GET /runs/{run_id}/samples.")
    return propose(run_id, test.test.sample_id, test, wish)


def reviewer() -> Reviewer:
    """Who asks or decides with this request."""
    return Reviewer(
        request_context.caller(), request_context.now(), request_context.collaborator(Archive),
        own_allowed=request_context.collaborator(ReviewPolicy).own_requests)


def _decide(approval_id: int, decision: Decision, reason: str | None) -> dict[str, Any]:
    with audited(EVENTS[decision], _subject(approval_id)):
        return render_baselines.approval(baseline_reviews.decide(approval_id, decision, reason, reviewer()))


def _decide_many(body: dict[str, Any], decision: Decision) -> dict[str, Any]:
    ids = sorted({int(each) for each in body.get("approval_ids", ())})
    about = map(_subject, ids) if ids else [f"run:{body['run_id']}"]
    with audited(EVENTS[decision], *about) as deed:
        selection = baseline_reviews.by_ids(ids) if ids else _selected(body["run_id"], body["class_id"])
        decided = baseline_reviews.decide_many(selection, _seen(body), decision, body.get("reason"), reviewer())
        deed.subject, *deed.more_subjects = (_subject(each.reverts_id or each.approval_id) for each in decided)
    return {"data": [render_baselines.approval(each) for each in decided]}


def _selected(run_id: int, class_id: str) -> Selection:
    run = runs.show_run(run_id, request_context.now())
    found = baseline_reviews.find_cause(run, class_id, request_context.values().main_repository)
    return baseline_reviews.by_outputs(run_id, [each.wish.output_id for each in found])


def _seen(body: dict[str, Any]) -> View:
    return View(body["expected_count"], body["digest"])


def _subject(approval_id: int) -> str:
    return f"approval:{approval_id}"
