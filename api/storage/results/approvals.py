"""Requests for new baselines, their decisions, and the history of every baseline."""
from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from api.domain.errors import NotFound
from api.domain.page import Page
from api.domain.results.approval import Approval, ApprovalStatus, BaselineProposal, Proposal, check_unchanged
from api.storage.database import TransactionConflict, session
from api.storage.platform_tables import RegressionOutputRow, RegressionTestRow
from api.storage.tables import ApprovalRow, BaselineChangeRow


@dataclass(frozen=True, slots=True)
class BaselineChange:
    """One output's baseline was replaced; hashes are SHA-256, hex."""

    regression_id: int
    output_id: int
    hash_before: str
    hash_after: str
    changed_at: datetime
    approval: Approval


def load_baselines(output_ids: Collection[int]) -> dict[int, str]:
    """Today's baselines of these outputs (hashes as they are stored), by output id; an output that was deleted has none."""
    rows = session().execute(select(RegressionOutputRow.id, RegressionOutputRow.correct).where(RegressionOutputRow.id.in_(output_ids)))
    return {output_id: baseline or "" for output_id, baseline in rows}


def find_granted(run_id: int, baselines: Mapping[int, str]) -> dict[str, Approval]:
    """The approved requests of a run whose outputs are the baselines still, by the key of their proposal; `baselines` by output id."""
    rows = session().execute(
        select(ApprovalRow).where(ApprovalRow.run_id == run_id, ApprovalRow.status == ApprovalStatus.APPROVED.value)
        .order_by(ApprovalRow.id)).scalars()
    approved = (_approval(row) for row in rows if row.hash_after == baselines.get(row.output_id, "").lower())
    return {each.proposal.key: each for each in approved}


def record_proposal(proposal: Proposal, requester_id: int, requested_by: str, now: datetime) -> Approval:
    """Within a transaction: store a request, or return the same one that is open. Raises TransactionConflict where its twin was first."""
    wanted = select(ApprovalRow).where(ApprovalRow.pending_key == proposal.key)
    found = session().execute(wanted).scalar_one_or_none()
    if found is not None:
        return _approval(found)
    wish = proposal.wish
    row = ApprovalRow(
        run_id=proposal.run_id, sample_id=proposal.sample_id, regression_id=wish.regression_id, output_id=wish.output_id,
        extension=proposal.extension, hash_before=proposal.hash_before, hash_after=proposal.hash_after,
        apply_to_variants=wish.apply_to_variants, reason=wish.reason, status=ApprovalStatus.PENDING.value, pending_key=proposal.key,
        requester_id=requester_id, requested_by=requested_by, created_at=now)
    try:
        with session().begin_nested():
            session().add(row)
    except IntegrityError as twin:
        raise TransactionConflict from twin
    return _approval(row)


def load_approval(approval_id: int, *, locked: bool = False) -> Approval:
    """The request of this id; `locked`, within a transaction, holds its row until the end. Raises NotFound."""
    query = select(ApprovalRow).where(ApprovalRow.id == approval_id)
    row = session().execute(query.with_for_update() if locked else query).scalar_one_or_none()
    if row is None:
        raise NotFound("baseline_approval", approval_id, remedy="List requests with GET /baseline-approvals.")
    return _approval(row)


def list_approvals(status: ApprovalStatus | None, run_id: int | None, *, limit: int, offset: int) -> Page[Approval]:
    """Requests, newest first."""
    conditions: list[Any] = []
    if status is not None:
        conditions.append(ApprovalRow.status == status.value)
    if run_id is not None:
        conditions.append(ApprovalRow.run_id == run_id)
    total = session().execute(select(func.count()).select_from(ApprovalRow).where(*conditions)).scalar_one()
    rows = session().execute(
        select(ApprovalRow).where(*conditions).order_by(ApprovalRow.id.desc()).limit(limit).offset(offset)).scalars()
    return Page([_approval(row) for row in rows], limit, offset, total)


def record_decision(approval: Approval, status: ApprovalStatus, decided_by: str, reason: str | None, now: datetime) -> None:
    """Within a transaction: close a request. An approval changes the baselines, in the same transaction.

    Raises Conflict where the baseline is no longer what the requester saw.
    """
    if status is ApprovalStatus.APPROVED:
        _change_baselines(approval, now)
    session().execute(
        update(ApprovalRow).where(ApprovalRow.id == approval.approval_id).values(
            status=status.value, pending_key=None, decided_by=decided_by, decided_at=now, decision_reason=reason)
        .execution_options(synchronize_session=False))
    session().expire_all()


def _change_baselines(approval: Approval, now: datetime) -> None:
    proposal = approval.proposal
    outputs = _outputs_of(proposal)
    own = next((row for row in outputs if row.id == proposal.wish.output_id), None)
    check_unchanged(approval, None if own is None else own.correct or "")
    for row in outputs:
        if row is not own and not _is_variant(row, proposal):
            continue
        session().add(BaselineChangeRow(
            approval_id=approval.approval_id, regression_id=row.regression_id, output_id=row.id, hash_before=row.correct or "",
            hash_after=proposal.hash_after, changed_at=now))
        row.correct = proposal.hash_after
    session().flush()


def _outputs_of(proposal: Proposal) -> Sequence[RegressionOutputRow]:
    """The output itself and, where variants follow, every output of the sample's tests; locked in one order, so that nobody deadlocks."""
    query = select(RegressionOutputRow).order_by(RegressionOutputRow.id).with_for_update()
    if proposal.spreads:
        tests = select(RegressionTestRow.id).where(RegressionTestRow.sample_id == proposal.sample_id)
        query = query.where(RegressionOutputRow.regression_id.in_(tests))
    else:
        query = query.where(RegressionOutputRow.id == proposal.wish.output_id)
    return list(session().execute(query.execution_options(populate_existing=True)).scalars())


def _is_variant(row: RegressionOutputRow, proposal: Proposal) -> bool:
    return row.correct_extension == proposal.extension and (row.correct or "").lower() == proposal.hash_before


def list_changes(regression_id: int, output_id: int, *, limit: int, offset: int) -> Page[BaselineChange]:
    """The baselines that an output had, newest change first, also of one that was deleted.

    Raises NotFound for an output that is not, and as far as is recorded never was, the test's.
    """
    of_output = (BaselineChangeRow.output_id == output_id, BaselineChangeRow.regression_id == regression_id)
    total = session().execute(select(func.count()).select_from(BaselineChangeRow).where(*of_output)).scalar_one()
    if not total and not _belongs(output_id, regression_id):
        raise NotFound("output", output_id, remedy="List the test's outputs with GET /regression-tests.")
    rows = session().execute(
        select(BaselineChangeRow, ApprovalRow).join(ApprovalRow, ApprovalRow.id == BaselineChangeRow.approval_id)
        .where(*of_output).order_by(BaselineChangeRow.id.desc()).limit(limit).offset(offset))
    return Page([_change(change, approval) for change, approval in rows], limit, offset, total)


def _belongs(output_id: int, regression_id: int) -> bool:
    query = select(RegressionOutputRow.id).where(RegressionOutputRow.id == output_id, RegressionOutputRow.regression_id == regression_id)
    return session().execute(query).first() is not None


def _change(row: BaselineChangeRow, approval: ApprovalRow) -> BaselineChange:
    return BaselineChange(row.regression_id, row.output_id, row.hash_before, row.hash_after, row.changed_at, _approval(approval))


def _approval(row: ApprovalRow) -> Approval:
    wish = BaselineProposal(row.regression_id, row.output_id, row.reason, row.apply_to_variants)
    return Approval(
        approval_id=row.id, status=ApprovalStatus(row.status), requester_id=row.requester_id, requested_by=row.requested_by,
        proposal=Proposal(row.run_id, row.sample_id, wish, row.hash_before, row.hash_after, row.extension),
        created_at=row.created_at, decided_by=row.decided_by, decided_at=row.decided_at, decision_reason=row.decision_reason)
