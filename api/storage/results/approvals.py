"""Requests for new baselines, their decisions, and the history of every baseline."""
from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from api.domain.errors import NotFound
from api.domain.page import Page
from api.domain.results.approval import Approval, ApprovalKind, ApprovalStatus, BaselineProposal, Proposal, Reversal
from api.storage.database import TransactionConflict, session
from api.storage.platform_tables import RegressionOutputRow
from api.storage.tables.results import ApprovalRow, BaselineChangeRow

_Inverse = aliased(ApprovalRow)
# Each request with what took it back.
APPROVALS = select(ApprovalRow, _Inverse.id, _Inverse.decided_by, _Inverse.decided_at).outerjoin(
    _Inverse, _Inverse.reverts_id == ApprovalRow.id)


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


def find_granted(run_id: int, baselines: Mapping[int, str], variants: Mapping[int, Collection[str]]) -> dict[str, Approval]:
    """The approved requests of a run that hold still, by the key of their proposal; baselines and variants of today by output id."""
    approved = _loaded((ApprovalRow.run_id == run_id) & (ApprovalRow.status == ApprovalStatus.APPROVED.value), locked=False)
    return {
        each.proposal.key: each for each in approved
        if each.reversal is None and (output_id := each.proposal.wish.output_id) in baselines
        and each.proposal.in_force(baselines[output_id], variants.get(output_id, ()))}


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
        apply_to_variants=wish.apply_to_variants, kind=wish.kind.value, reason=wish.reason, status=ApprovalStatus.PENDING.value,
        pending_key=proposal.key, requester_id=requester_id, requested_by=requested_by, created_at=now)
    try:
        with session().begin_nested():
            session().add(row)
    except IntegrityError as twin:
        raise TransactionConflict from twin
    return _approval(row)


def load_approval(approval_id: int, *, locked: bool = False) -> Approval:
    """The request of this id; `locked`, within a transaction, holds its row until the end. Raises NotFound."""
    return load_approvals([approval_id], locked=locked)[0]


def load_approvals(approval_ids: Collection[int], *, locked: bool = False) -> list[Approval]:
    """The requests of these ids, in the order of the ids; `locked` as of one. Raises NotFound for the first that there is not."""
    found = _loaded(ApprovalRow.id.in_(approval_ids), locked=locked)
    missing = set(approval_ids) - {each.approval_id for each in found}
    if missing:
        raise NotFound("baseline_approval", min(missing), remedy="List requests with GET /baseline-approvals.")
    return found


def list_of_outputs(run_id: int, output_ids: Collection[int], *, locked: bool = False) -> list[Approval]:
    """What was requested of these outputs of a run, in the order of the ids; `locked` as of one."""
    return _loaded(
        (ApprovalRow.run_id == run_id) & ApprovalRow.output_id.in_(output_ids) & ApprovalRow.reverts_id.is_(None), locked=locked)


def list_approvals(status: ApprovalStatus | None, run_id: int | None, *, limit: int, offset: int) -> Page[Approval]:
    """Requests, newest first."""
    conditions: list[Any] = []
    if status is not None:
        conditions.append(ApprovalRow.status == status.value)
    if run_id is not None:
        conditions.append(ApprovalRow.run_id == run_id)
    total = session().execute(select(func.count()).select_from(ApprovalRow).where(*conditions)).scalar_one()
    rows = session().execute(APPROVALS.where(*conditions).order_by(ApprovalRow.id.desc()).limit(limit).offset(offset))
    return Page([_approval(*row) for row in rows], limit, offset, total)


def _loaded(condition: ColumnElement[bool], *, locked: bool) -> list[Approval]:
    query = APPROVALS.where(condition).order_by(ApprovalRow.id)
    rows = session().execute((query.with_for_update() if locked else query).execution_options(populate_existing=True))
    return [_approval(*row) for row in rows]


def list_changes(regression_id: int, output_id: int, *, limit: int, offset: int) -> Page[BaselineChange]:
    """The baselines that an output had, newest change first, also of one that was deleted.

    Raises NotFound for an output that is not, and as far as is recorded never was, the test's.
    """
    of_output = (BaselineChangeRow.output_id == output_id, BaselineChangeRow.regression_id == regression_id)
    total = session().execute(select(func.count()).select_from(BaselineChangeRow).where(*of_output)).scalar_one()
    if not total and not _belongs(output_id, regression_id):
        raise NotFound("output", output_id, remedy="List the test's outputs with GET /regression-tests.")
    rows = session().execute(
        APPROVALS.add_columns(BaselineChangeRow).join(BaselineChangeRow, BaselineChangeRow.approval_id == ApprovalRow.id)
        .where(*of_output).order_by(BaselineChangeRow.id.desc()).limit(limit).offset(offset))
    return Page([_change(row[-1], _approval(*row[:-1])) for row in rows], limit, offset, total)


def _belongs(output_id: int, regression_id: int) -> bool:
    query = select(RegressionOutputRow.id).where(RegressionOutputRow.id == output_id, RegressionOutputRow.regression_id == regression_id)
    return session().execute(query).first() is not None


def _change(row: BaselineChangeRow, approval: Approval) -> BaselineChange:
    return BaselineChange(row.regression_id, row.output_id, row.hash_before, row.hash_after, row.changed_at, approval)


def proposal_of(row: ApprovalRow) -> Proposal:
    """What a row asks for."""
    wish = BaselineProposal(row.regression_id, row.output_id, row.reason, row.apply_to_variants, ApprovalKind(row.kind))
    return Proposal(row.run_id, row.sample_id, wish, row.hash_before, row.hash_after, row.extension)


def _approval(row: ApprovalRow, reversal_id: int | None = None, by: str | None = None, at: datetime | None = None) -> Approval:
    return Approval(
        approval_id=row.id, status=ApprovalStatus(row.status), requester_id=row.requester_id, requested_by=row.requested_by,
        proposal=proposal_of(row),
        created_at=row.created_at, decided_by=row.decided_by, decided_at=row.decided_at, decision_reason=row.decision_reason,
        reverts_id=row.reverts_id, reversal=None if reversal_id is None or by is None or at is None else Reversal(reversal_id, by, at))
