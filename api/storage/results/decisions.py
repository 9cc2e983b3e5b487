"""Decisions about new baselines, and what they change in the catalog."""
from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import or_, select, update

from api.domain.results.approval import Approval, ApprovalKind, ApprovalStatus, Proposal, check_variants
from api.domain.results.review import check_in_force, check_unchanged
from api.storage.database import session
from api.storage.platform_tables import RegressionOutputRow, RegressionTestRow
from api.storage.results.approvals import load_approvals, proposal_of
from api.storage.results.variants import change_variant, load_digests
from api.storage.tables.results import ApprovalRow, BaselineChangeRow

INVERSE = {
    ApprovalKind.BASELINE: ApprovalKind.BASELINE, ApprovalKind.VARIANT: ApprovalKind.VARIANT_REMOVAL,
    ApprovalKind.VARIANT_REMOVAL: ApprovalKind.VARIANT}


def record_decisions(approvals: Sequence[Approval], status: ApprovalStatus, by: str, reason: str | None, now: datetime) -> None:
    """Within a transaction: close requests, all of them. Where they are approved, what they ask for is so in the same transaction.

    Raises Conflict where a baseline is no longer what the requester saw.
    """
    if status is ApprovalStatus.APPROVED:
        _carry_out(approvals, now)
    session().execute(
        update(ApprovalRow).where(ApprovalRow.id.in_([each.approval_id for each in approvals])).values(
            status=status.value, pending_key=None, decided_by=by, decided_at=now, decision_reason=reason)
        .execution_options(synchronize_session=False))
    session().expire_all()


def record_reversals(approvals: Sequence[Approval], user_id: int, by: str, reason: str | None, now: datetime) -> list[Approval]:
    """Within a transaction: put back what approvals changed, all of it, by an inverse approval of each.

    The inverse ones are in the order of `approvals`. Raises Conflict where a baseline is not the approved one any more.
    """
    inverses = {each.approval_id: _inverse(each, user_id, by, reason, now) for each in approvals}
    session().add_all(inverses.values())
    session().flush()
    _put_back({approval_id: row for approval_id, row in inverses.items() if row.kind == ApprovalKind.BASELINE}, now)
    _put_back_variants([proposal_of(row) for row in inverses.values() if row.kind != ApprovalKind.BASELINE])
    session().expire_all()
    made = {each.reverts_id: each for each in load_approvals([row.id for row in inverses.values()])}
    return [made[each.approval_id] for each in approvals]


def _carry_out(approvals: Sequence[Approval], now: datetime) -> None:
    places = _lock_places([each.proposal for each in approvals])
    check_unchanged(approvals, {row.id: row.correct or "" for row, _ in places})
    for approval in approvals:
        proposal = approval.proposal
        if not proposal.is_baseline:
            _change_variants([proposal])
            continue
        for row, sample_id in places:
            if row.id == proposal.wish.output_id or proposal.spreads and _is_variant(row, sample_id, proposal):
                _replace(row, proposal.hash_after, approval.approval_id, now)
    session().flush()


def _change_variants(proposals: Sequence[Proposal]) -> None:
    """Accept hashes, or do so no longer, of outputs that are locked. Raises Conflict where one of them is so already."""
    for each in proposals:
        check_variants([each], {}, load_digests([each.wish.output_id]))
        change_variant(each)


def _lock_places(proposals: Sequence[Proposal]) -> list[tuple[RegressionOutputRow, int | None]]:
    """The outputs that may change, each with its sample where variants follow; locked in one order, so that nobody deadlocks."""
    samples = {each.sample_id for each in proposals if each.spreads}
    of_test = select(RegressionTestRow.id, RegressionTestRow.sample_id).where(RegressionTestRow.sample_id.in_(samples))
    tests = {regression_id: sample_id for regression_id, sample_id in session().execute(of_test)} if samples else {}
    rows = _lock_outputs({each.wish.output_id for each in proposals}, tests)
    return [(row, tests.get(row.regression_id)) for row in rows]


def _lock_outputs(output_ids: Collection[int], regression_ids: Collection[int] = ()) -> list[RegressionOutputRow]:
    wanted = [RegressionOutputRow.id.in_(output_ids)]
    if regression_ids:
        wanted.append(RegressionOutputRow.regression_id.in_(regression_ids))
    query = select(RegressionOutputRow).where(or_(*wanted)).order_by(RegressionOutputRow.id).with_for_update()
    return list(session().execute(query.execution_options(populate_existing=True)).scalars())


def _is_variant(row: RegressionOutputRow, sample_id: int | None, proposal: Proposal) -> bool:
    return (sample_id, row.correct_extension, (row.correct or "").lower()) == (
        proposal.sample_id, proposal.extension, proposal.hash_before)


def _replace(row: RegressionOutputRow, digest: str, approval_id: int, now: datetime) -> None:
    session().add(BaselineChangeRow(
        approval_id=approval_id, regression_id=row.regression_id, output_id=row.id, hash_before=row.correct or "", hash_after=digest,
        changed_at=now))
    row.correct = digest


def _inverse(approval: Approval, user_id: int, by: str, reason: str | None, now: datetime) -> ApprovalRow:
    proposal = approval.proposal
    wish = proposal.wish
    # Of a variant both the baseline beside which it is, and its own hash, stay what they are.
    hashes = (proposal.hash_after, proposal.hash_before) if proposal.is_baseline else (proposal.hash_before, proposal.hash_after)
    return ApprovalRow(
        run_id=proposal.run_id, sample_id=proposal.sample_id, regression_id=wish.regression_id, output_id=wish.output_id,
        extension=proposal.extension, hash_before=hashes[0], hash_after=hashes[1], kind=INVERSE[wish.kind],
        apply_to_variants=wish.apply_to_variants, reason=f"Takes back approval {approval.approval_id}.",
        status=ApprovalStatus.APPROVED.value, pending_key=None, requester_id=user_id, requested_by=by, created_at=now, decided_by=by,
        decided_at=now, decision_reason=reason, reverts_id=approval.approval_id)


def _put_back(inverses: Mapping[int, ApprovalRow], now: datetime) -> None:
    """Undo the changes, the newest first, so that two to one output can both be undone; a variant that was deleted since is no loss."""
    query = select(BaselineChangeRow).where(BaselineChangeRow.approval_id.in_(inverses)).order_by(BaselineChangeRow.id.desc())
    changes = list(session().execute(query).scalars())
    rows = {row.id: row for row in _lock_outputs({change.output_id for change in changes})}
    changed: set[int] = set()
    for change in changes:
        row = rows.get(change.output_id)
        if row is None:
            continue
        if (row.correct or "").lower() == change.hash_after:
            _replace(row, change.hash_before, inverses[change.approval_id].id, now)
        else:
            changed.add(change.output_id)
    check_in_force(sorted(changed), sorted({inverse.output_id for inverse in inverses.values()} - rows.keys()))
    session().flush()


def _put_back_variants(inverses: Sequence[Proposal]) -> None:
    outputs = {row.id for row in _lock_outputs({each.wish.output_id for each in inverses})} if inverses else set()
    check_in_force([], sorted({each.wish.output_id for each in inverses} - outputs))
    _change_variants(inverses)
