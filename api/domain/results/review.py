"""Deciding about requests for new baselines: who may, what a decision is bound to, and when it comes too late."""
from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from api.domain.auth.access import Caller, Role
from api.domain.errors import Conflict, Forbidden, NotFound
from api.domain.results.approval import Approval, ApprovalStatus, Proposal

MAX_AT_ONCE = 500


class Decision(StrEnum):
    """What a reviewer may say to a request; an approval may be taken back later."""

    APPROVE = "approve"
    REJECT = "reject"
    REVERT = "revert"


STATUSES = {
    Decision.APPROVE: ApprovalStatus.APPROVED, Decision.REJECT: ApprovalStatus.REJECTED, Decision.REVERT: ApprovalStatus.APPROVED}


@dataclass(frozen=True, slots=True)
class View:
    """What somebody looked at before a decision: how many new baselines, and the digest of them that `view_of` makes (hex)."""

    count: int
    digest: str


def view_of(proposals: Iterable[Proposal]) -> View:
    """What is to be seen of proposals, whatever their order: the SHA-256 of a line for each, with output, hash before and hash after.

    The line of one that applies to variants says so, since it changes more than it names; the line of a variant ends with its kind.
    """
    lines = sorted((each.wish.output_id, each.hash_before, each.hash_after, _ending(each)) for each in proposals)
    text = "".join(f"{output_id} {before} {after}{ending}\n" for output_id, before, after, ending in lines)
    return View(len(lines), hashlib.sha256(text.encode()).hexdigest())


def _ending(proposal: Proposal) -> str:
    if not proposal.is_baseline:
        return f" {proposal.wish.kind.value}"
    return " variants" if proposal.spreads else ""


def check_seen(proposals: Iterable[Proposal], seen: View) -> None:
    """Let pass proposals that are what somebody looked at. Raises Conflict."""
    now = view_of(proposals)
    if now != seen:
        raise Conflict(
            "It is not what you looked at any more.", {"expected_count": seen.count, "count": now.count, "digest": now.digest},
            remedy="Look again, and ask for what is there now.")


def failing_for_one_cause(clusters: Mapping[str, Collection[int]], class_id: str) -> frozenset[int]:
    """The tests of a cluster that are in no other one, by the tests of each cluster: with others another fault would be approved too.

    Raises NotFound where there is no such cluster.
    """
    if class_id not in clusters:
        raise NotFound("cluster", class_id, remedy="List the run's clusters with GET /runs/{run_id}/clusters.")
    others = {each for other, tests in clusters.items() if other != class_id for each in tests}
    return frozenset(clusters[class_id]) - others


def authorize_decision(approvals: Iterable[Approval], caller: Caller, *, own_allowed: bool) -> None:
    """Let pass an admin other than the requesters; these too where the installation has one person. Raises Forbidden."""
    details = {"required_roles": [Role.ADMIN.value], "role": caller.role.value}
    if caller.role is not Role.ADMIN:
        raise Forbidden("Only an admin decides about baselines.", details)
    own = [str(each.approval_id) for each in approvals if each.requester_id == caller.user_id]
    if own and not own_allowed:
        raise Forbidden(
            "Another admin must decide about your own request.", details | {"approval_ids": own},
            remedy="Ask another admin; the operator of a one-person installation can allow this.")


def is_open(approval: Approval, decision: Decision) -> bool:
    """Whether this can be decided now: a request that nobody decided about, or taking back an approved one."""
    if decision is Decision.REVERT:
        return approval.status is ApprovalStatus.APPROVED and approval.reversal is None and approval.reverts_id is None
    return approval.status is ApprovalStatus.PENDING


def check_open(approval: Approval, decision: Decision) -> bool:
    """Whether the decision is still to be carried out; False for a repeat. Raises Conflict for one that contradicts the last."""
    if is_open(approval, decision):
        return True
    if _decided(approval, decision) is not None:
        return False
    raise Conflict(
        "Only a request that was approved can be taken back." if decision is Decision.REVERT
        else "The request was decided otherwise already.",
        _fate(approval), remedy="Make a new request from a run that shows the output.")


def choose_seen(approvals: Sequence[Approval], decision: Decision, seen: View, by: str) -> tuple[list[Approval], bool]:
    """Those among the approvals that were looked at, and whether the decision about them is still to be carried out.

    They are the ones that are open; or, for a repeat, those that the same person decided at once. Raises Conflict with what changed.
    """
    waiting = [each for each in approvals if is_open(each, decision)]
    now = view_of(each.proposal for each in waiting)
    if waiting and now == seen:
        return waiting, True
    for repeated in _decided_at_once(approvals, decision, by):
        if view_of(each.proposal for each in repeated) == seen:
            return repeated, False
    changed = [each for each in approvals if not is_open(each, decision)]
    raise Conflict(
        "What can be decided so now is not what you looked at.", {
            "expected_count": seen.count, "count": now.count, "digest": now.digest,
            "approval_ids": [str(each.approval_id) for each in waiting[:MAX_AT_ONCE]],
            "changed": [_fate(each) for each in changed[:MAX_AT_ONCE]]},
        remedy="Look again, and decide about what is there now.")


def check_unchanged(approvals: Iterable[Approval], baselines: Mapping[int, str]) -> None:
    """Let pass approvals whose baselines still are what the requesters saw, by output id. Raises Conflict, once for all.

    An output that was deleted has no baseline.
    """
    proposals = {each.proposal.wish.output_id: each.proposal for each in approvals}
    deleted = sorted(proposals.keys() - baselines.keys())
    if deleted:
        raise Conflict(
            "The output was deleted since the request was made: there is no baseline to replace.", _named(deleted),
            remedy="Reject this request.")
    changed = sorted(output_id for output_id, each in proposals.items() if baselines[output_id].lower() != each.hash_before)
    if changed:
        raise Conflict(
            "The baseline has changed since the request was made.",
            _named(changed) | {"expected_hash": proposals[changed[0]].hash_before},
            remedy="Reject this request, and make a new one from a run made since.")


def check_in_force(changed: Sequence[int], deleted: Sequence[int]) -> None:
    """Let pass a reversal where no output has another baseline than the approved one, and none is gone. Raises Conflict."""
    if deleted:
        raise Conflict(
            "The output was deleted since it was approved: there is no baseline to put back.", _named(deleted),
            remedy="Leave it out; the history of its baselines stays.")
    if changed:
        raise Conflict(
            "The baseline was changed since it was approved.", _named(changed),
            remedy="Take back what changed it since, the newest first; GET /regression-tests/{regression_id}/outputs/{output_id}/baselines "
            "lists it.")


def _decided_at_once(approvals: Iterable[Approval], decision: Decision, by: str) -> Iterator[list[Approval]]:
    groups: defaultdict[datetime | None, list[Approval]] = defaultdict(list)
    for each in approvals:
        if (made := _decided(each, decision)) is not None and made[0] == by:
            groups[made[1]].append(each)
    yield from groups.values()


def _decided(approval: Approval, decision: Decision) -> tuple[str | None, datetime | None] | None:
    """Who decided just so and when, where this stands; else None."""
    reversal = approval.reversal
    if decision is Decision.REVERT:
        return None if reversal is None else (reversal.by, reversal.at)
    stands = approval.status is STATUSES[decision] and reversal is None and approval.reverts_id is None
    return (approval.decided_by, approval.decided_at) if stands else None


def _fate(approval: Approval) -> dict[str, Any]:
    reversal = approval.reversal
    return {
        "approval_id": str(approval.approval_id), "status": approval.status.value, "decided_by": approval.decided_by,
        "reversal_id": None if reversal is None else str(reversal.approval_id)}


def _named(output_ids: Sequence[int]) -> dict[str, Any]:
    return {"output_id": output_ids[0], "output_ids": list(output_ids)}
