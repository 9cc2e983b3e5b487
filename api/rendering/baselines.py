"""Baseline approvals and the history of baselines as JSON."""
from __future__ import annotations

from typing import Any

from api.domain.results.approval import Approval
from api.storage.results.approvals import BaselineChange


def approval(found: Approval) -> dict[str, Any]:
    """A request for a new baseline."""
    proposal, reversal = found.proposal, found.reversal
    return {
        "approval_id": str(found.approval_id), "status": found.status.value, "run_id": proposal.run_id or None,
        "sample_id": proposal.sample_id, "regression_id": proposal.wish.regression_id, "output_id": proposal.wish.output_id,
        "requested_by": found.requested_by, "reason": proposal.wish.reason, "apply_to_variants": proposal.wish.apply_to_variants,
        "kind": proposal.wish.kind.value,
        "expected_hash": proposal.hash_before, "actual_hash": proposal.hash_after, "created_at": found.created_at,
        "decided_by": found.decided_by, "decided_at": found.decided_at, "decision_reason": found.decision_reason,
        "reverts_id": None if found.reverts_id is None else str(found.reverts_id),
        "reversal_id": None if reversal is None else str(reversal.approval_id)}


def change(found: BaselineChange) -> dict[str, Any]:
    """One change of an output's baseline."""
    return {
        "regression_id": found.regression_id, "output_id": found.output_id, "hash_before": found.hash_before,
        "hash_after": found.hash_after, "changed_at": found.changed_at, "approval": approval(found.approval)}
