"""The tables of runs, of how they are executed, and of the machines that execute them."""
from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from api.storage.column_types import BranchName, UtcDateTime
from api.storage.database import Base
from api.storage.tables.columns import OWN, Exact, LongText


class ExpectedTestsRow(Base):
    """A frozen set of regression tests with their baselines; equal sets are stored once."""

    __tablename__ = "ci_expected_tests"
    __table_args__ = (OWN,)

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    body: Mapped[str] = mapped_column(LongText)


class RunRow(Base):
    """A run as this server knows it: who asked for it and why, its frozen set, and its state as of its newest event.

    `last_progress_id` is the event that `status` was derived from. When the platform deletes that event (it restarts a
    run so), the key falls to null and the state is derived anew. `report_count` is how many of the platform's rows the
    verdicts of a run that is over were made from, which are made anew where there are more by now. `evidence` names what those are in
    `ci_evidence`: another name, another outcome. `rules_version` is that of the rules they were made by. `repository`, `branch`,
    `commit_sha`, `platform` and `pull_request` repeat the platform's row in a form that can be indexed and compared alike on
    every database. `analysis_due` says that the run waits to be analysed, and how urgently; `analysis_taken_until` until when nobody
    else is to do so. `altered` names the fields of the contract, with spaces between, of which those rows say nothing that can be read.
    `build_duration_ms` is what its worker told of its build. `shards` is among how many machines its tests are divided; null is one.
    `shard_tests` has the regression ids of each shard, in JSON, of a run with more than one. `newest_fence` is the greatest number of a
    claim on it so far, `log_joined_at` when the logs of its shards were last joined while they grow; null is none and never.
    """

    __tablename__ = "ci_run"
    __table_args__ = (
        Index("ci_ix_run_created", "created_at", "run_id"),
        Index("ci_ix_run_started", "started_at", "run_id"),
        Index("ci_ix_run_status", "status", "created_at", "run_id"),
        Index("ci_ix_run_status_started", "status", "started_at", "run_id"),
        Index("ci_ix_run_repository", "repository", "branch", "created_at", "run_id"),
        Index("ci_ix_run_repository_created", "repository", "created_at", "run_id"),
        Index("ci_ix_run_repository_started", "repository", "started_at", "run_id"),
        Index("ci_ix_run_branch", "branch", "created_at", "run_id"),
        Index("ci_ix_run_branch_started", "branch", "started_at", "run_id"),
        Index("ci_ix_run_commit", "commit_sha", "created_at", "run_id"),
        Index("ci_ix_run_platform", "platform", "status", "run_id"),
        Index("ci_ix_run_platform_created", "platform", "created_at", "run_id"),
        Index("ci_ix_run_platform_started", "platform", "started_at", "run_id"),
        Index("ci_ix_run_pull_request", "pull_request", "created_at", "run_id"),
        Index("ci_ix_run_analysis_due", "analysis_due", "run_id"),
        Index("ci_ix_run_merge_base", "merge_base_sha", "run_id"),
        OWN,
    )

    run_id: Mapped[int] = mapped_column(ForeignKey("test.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    platform: Mapped[str] = mapped_column(String(50))
    repository: Mapped[str] = mapped_column(String(255))
    branch: Mapped[str | None] = mapped_column(BranchName)
    commit_sha: Mapped[str] = mapped_column(String(64))
    pull_request: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(Exact)
    requester_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"), index=True)
    environment_id: Mapped[str | None] = mapped_column(String(100))
    source_run_id: Mapped[int | None] = mapped_column(ForeignKey("test.id", ondelete="SET NULL"), index=True)
    reason: Mapped[str | None] = mapped_column(String(255))
    parent_sha: Mapped[str | None] = mapped_column(String(40))
    merge_base_sha: Mapped[str | None] = mapped_column(String(40))
    build_duration_ms: Mapped[int | None]
    shards: Mapped[int | None]
    shard_tests: Mapped[str | None] = mapped_column(LongText)
    newest_fence: Mapped[int | None]
    log_joined_at: Mapped[datetime | None] = mapped_column(Exact)
    expected_tests_id: Mapped[int | None] = mapped_column(ForeignKey("ci_expected_tests.id"), index=True)
    status: Mapped[str] = mapped_column(String(20))
    last_progress_id: Mapped[int | None] = mapped_column(ForeignKey("test_progress.id", ondelete="SET NULL"), index=True)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    total_samples: Mapped[int | None]
    pass_count: Mapped[int | None]
    fail_count: Mapped[int | None]
    missing_output_count: Mapped[int | None]
    skipped_count: Mapped[int | None]
    error_count: Mapped[int | None]
    infrastructure_error_count: Mapped[int | None]
    report_count: Mapped[int | None]
    evidence: Mapped[str | None] = mapped_column(String(32))
    rules_version: Mapped[int | None] = mapped_column(index=True)
    altered: Mapped[str | None] = mapped_column(String(100))
    analysis_due: Mapped[int | None]
    analysis_taken_until: Mapped[datetime | None] = mapped_column(Exact)


class EventOriginRow(Base):
    """Where an event that this server wrote came from; `type` is null for a person's doing, `code` also where there is none."""

    __tablename__ = "ci_event_origin"
    __table_args__ = (OWN,)

    event_id: Mapped[int] = mapped_column(ForeignKey("test_progress.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    type: Mapped[str | None] = mapped_column(String(30))
    code: Mapped[str | None] = mapped_column(String(50))
    stack: Mapped[str | None] = mapped_column(Text)


class TestErrorRow(Base):
    """An infrastructure error that kept a machine from executing a test of a run."""

    __tablename__ = "ci_test_error"
    __table_args__ = (OWN,)
    __test__ = False

    run_id: Mapped[int] = mapped_column(ForeignKey("test.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    regression_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    type: Mapped[str] = mapped_column(String(30))
    code: Mapped[str | None] = mapped_column(String(50))
    message: Mapped[str] = mapped_column(Text)


class LateEventRow(Base):
    """Something that happened to a run after its end, such as another log in its log's place."""

    __tablename__ = "ci_late_event"
    __table_args__ = (OWN,)

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("test.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(30))
    happened_at: Mapped[datetime] = mapped_column(Exact)


class IdempotencyKeyRow(Base):
    """The run that a request with this key made."""

    __tablename__ = "ci_idempotency_key"
    __table_args__ = (OWN,)

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    operation: Mapped[str] = mapped_column(String(60), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    body_digest: Mapped[str] = mapped_column(String(64))
    run_id: Mapped[int] = mapped_column(ForeignKey("test.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(Exact)


class MachineRow(Base):
    """A machine that executes runs or jobs. `next_digest` is of a new token, which takes the place of `digest`'s once it is first used."""

    __tablename__ = "ci_machine"
    __table_args__ = (OWN,)

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    kinds: Mapped[str] = mapped_column(String(30))
    platform: Mapped[str] = mapped_column(String(20))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    next_digest: Mapped[str | None] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(Exact)
    seen_at: Mapped[datetime | None] = mapped_column(Exact)


class ShardRow(Base):
    """A shard of a run that has begun, from the run's first claim until the shard was executed; `fence` grows with every claim.

    It belongs to a machine until its lease ends; one that no machine has claimed yet has neither `worker` nor `deadline`. `session` is
    the process of the machine that claimed it: what an earlier one held is lost with it. `log_bytes` is how much of its log has come.
    `begun_by` is the event of the first claim: when the platform deletes the run's events (it restarts a run so), the shards go, too.
    """

    __tablename__ = "ci_shard"
    __table_args__ = (OWN,)

    run_id: Mapped[int] = mapped_column(ForeignKey("test.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    shard: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    fence: Mapped[int]
    worker: Mapped[str | None] = mapped_column(String(100), index=True)
    session: Mapped[str | None] = mapped_column(String(36))
    deadline: Mapped[datetime | None] = mapped_column(Exact, index=True)
    log_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    begun_by: Mapped[int | None] = mapped_column(ForeignKey("test_progress.id", ondelete="CASCADE"), index=True)


class RunReplacementRow(Base):
    """The run that was queued in place of a lost one. A run has one at most, and stands for one at most."""

    __tablename__ = "ci_run_replacement"
    __table_args__ = (OWN,)

    run_id: Mapped[int] = mapped_column(ForeignKey("test.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    replacement_id: Mapped[int] = mapped_column(ForeignKey("test.id", ondelete="CASCADE"), unique=True)
