"""Operations of the page on which new baselines are decided about."""
from __future__ import annotations

from typing import Any

import flask

from api.domain.auth.access import Role, Scope
from api.domain.captions.words import words
from api.domain.results.review import Decision
from api.handlers.pages.answering import lead_to, show
from api.handlers.results import baselines
from api.services.policies import ReviewPolicy
from api.services.results.review_board import Waiting, list_decided, list_waiting
from api.specfirst import request_context

DECIDE = {
    Decision.APPROVE: baselines.approve_baselines, Decision.REJECT: baselines.reject_baselines,
    Decision.REVERT: baselines.revert_baselines}


def review_page() -> flask.Response:
    """Show what waits for a decision, by cause, and what was decided lately."""
    waiting, total = list_waiting(request_context.values().main_repository, request_context.now())
    reader = request_context.current.get().caller
    decides = reader is not None and reader.role is Role.ADMIN and Scope.BASELINES_WRITE in reader.scopes
    return show(
        "review.html", waiting=[(each, _words(each)) for each in waiting], total=total, decided=list_decided(), decides=decides,
        own_allowed=request_context.collaborator(ReviewPolicy).own_requests)


def decide_form(decision: str, body: dict[str, Any]) -> flask.Response:
    """Decide about what was shown, and lead back to the page."""
    reason = {"reason": body["reason"]} if body["reason"] else {}
    DECIDE[Decision(decision)]({
        "approval_ids": body["approval_ids"].split(","), "expected_count": int(body["expected_count"]), "digest": body["digest"]} | reason)
    return lead_to("/review")


def _words(waiting: Waiting) -> str | None:
    if waiting.cause is None:
        return None
    return ", ".join(dict.fromkeys(words(fact) for fact in waiting.cause.cluster.facts[:2])) or "what is different is not known"
