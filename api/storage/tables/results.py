"""The tables of verdicts on runs, of what analyses found, and of baselines that were asked for."""
from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from api.storage.column_types import BranchName
from api.storage.database import Base
from api.storage.tables.columns import OWN, Exact, LongBytes


class VerdictRow(Base):
    """The verdict of a regression test in a run that is over; `signature` is that of its first failure.

    The key puts the history of each regression test in one place and in its order. What a history is narrowed to is repeated
    here from the run, where it never changes while it has verdicts: a history of ten thousand runs is counted without a join.
    """

    __tablename__ = "ci_verdict"
    __table_args__ = (
        Index("ci_ix_verdict_run", "run_id"),
        Index("ci_ix_verdict_verdict", "regression_id", "verdict", "created_at", "run_id"),
        Index("ci_ix_verdict_status", "regression_id", "run_status", "created_at", "run_id"),
        Index("ci_ix_verdict_branch", "regression_id", "branch", "created_at", "run_id"),
        OWN | {"sqlite_with_rowid": False},
    )

    regression_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    created_at: Mapped[datetime] = mapped_column(Exact, primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("ci_run.run_id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    run_status: Mapped[str] = mapped_column(String(20))
    platform: Mapped[str] = mapped_column(String(50))
    branch: Mapped[str | None] = mapped_column(BranchName)
    verdict: Mapped[str] = mapped_column(String(20))
    signature: Mapped[str | None] = mapped_column(String(100))


class EvidenceRow(Base):
    """What a run that is over was judged by, as `api.storage.results.evidence` packs it."""

    __tablename__ = "ci_evidence"
    __table_args__ = (OWN,)

    run_id: Mapped[int] = mapped_column(ForeignKey("ci_run.run_id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    body: Mapped[bytes] = mapped_column(LongBytes)


class OutputFactsRow(Base):
    """The facts of two outputs, by the contents of both; `pair` names these, `version` is that of the rules which told the facts."""

    __tablename__ = "ci_output_facts"
    __table_args__ = (OWN | {"sqlite_with_rowid": False},)

    pair: Mapped[str] = mapped_column(String(32), primary_key=True)
    version: Mapped[int]
    state: Mapped[str] = mapped_column(String(20))
    body: Mapped[bytes] = mapped_column(LargeBinary)


class AnalysisRow(Base):
    """What was found out about the failures of a run that is over; `name` stands for all that this was made from, `version` for how."""

    __tablename__ = "ci_analysis"
    __table_args__ = (OWN,)

    run_id: Mapped[int] = mapped_column(ForeignKey("ci_run.run_id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(32))
    version: Mapped[int] = mapped_column(index=True)
    body: Mapped[bytes] = mapped_column(LongBytes)


class StepRow(Base):
    """A test that failed in a run, or whose output changed with it (`is_change`): what came out, and what is different since the base.

    `came` names the outputs, `step` the facts by which they differ from those of the run `from_run_id`, `body` has these facts.
    """

    __tablename__ = "ci_step"
    __table_args__ = (
        Index("ci_ix_step_change", "regression_id", "is_change", "run_id"), Index("ci_ix_step_came", "regression_id", "came", "run_id"),
        Index("ci_ix_step_step", "regression_id", "step", "run_id"), OWN | {"sqlite_with_rowid": False})

    run_id: Mapped[int] = mapped_column(ForeignKey("ci_analysis.run_id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    regression_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    is_change: Mapped[bool]
    came: Mapped[str] = mapped_column(String(32))
    step: Mapped[str | None] = mapped_column(String(32))
    body: Mapped[bytes] = mapped_column(LargeBinary)


class ClusterRow(Base):
    """A cause of a run's failures, in the order in which they are shown."""

    __tablename__ = "ci_cluster"
    __table_args__ = (Index("ci_ix_cluster_class", "class_id", "run_id"), OWN | {"sqlite_with_rowid": False})

    run_id: Mapped[int] = mapped_column(ForeignKey("ci_analysis.run_id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    ordinal: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    class_id: Mapped[str] = mapped_column(String(16))
    exact_id: Mapped[str] = mapped_column(String(16))
    origin: Mapped[str] = mapped_column(String(20))
    test_count: Mapped[int]


class ResultTimeRow(Base):
    """When a regression test of a run ended, by this server's clock; the platform's own row does not say."""

    __tablename__ = "ci_result_time"
    __table_args__ = (OWN,)

    run_id: Mapped[int] = mapped_column(ForeignKey("test.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    regression_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    ended_at: Mapped[datetime] = mapped_column(Exact)


class ApprovalRow(Base):
    """A request that an output become the baseline, or as good, as `kind` says.

    `pending_key` is unique while it is open, so that the same request is one row.

    A row with a `reverts_id` takes that approval back: the same outputs, with the hashes of a baseline the other way round.
    The run may be deleted one day; what was asked for, by whom and why, is kept all the same.
    """

    __tablename__ = "ci_approval"
    __table_args__ = (
        Index("ci_ix_approval_status", "status", "id"), Index("ci_ix_approval_run", "run_id", "id"),
        Index("ci_ix_approval_reverts", "reverts_id", unique=True), OWN)

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int]
    sample_id: Mapped[int]
    regression_id: Mapped[int]
    output_id: Mapped[int]
    extension: Mapped[str] = mapped_column(String(64))
    hash_before: Mapped[str] = mapped_column(String(64))
    hash_after: Mapped[str] = mapped_column(String(64))
    apply_to_variants: Mapped[bool]
    kind: Mapped[str] = mapped_column(String(20), server_default="baseline")
    reason: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(20))
    pending_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    requester_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"), index=True)
    requested_by: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(Exact)
    decided_by: Mapped[str | None] = mapped_column(String(255))
    decided_at: Mapped[datetime | None] = mapped_column(Exact)
    decision_reason: Mapped[str | None] = mapped_column(Text)
    reverts_id: Mapped[int | None]


class BaselineChangeRow(Base):
    """One output's baseline was replaced, by the approval of this id."""

    __tablename__ = "ci_baseline_change"
    __table_args__ = (Index("ci_ix_baseline_change_output", "output_id", "id"), OWN)

    id: Mapped[int] = mapped_column(primary_key=True)
    approval_id: Mapped[int] = mapped_column(ForeignKey("ci_approval.id"), index=True)
    regression_id: Mapped[int]
    output_id: Mapped[int]
    hash_before: Mapped[str] = mapped_column(String(64))
    hash_after: Mapped[str] = mapped_column(String(64))
    changed_at: Mapped[datetime] = mapped_column(Exact)
