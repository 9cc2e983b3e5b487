"""The tables of this server. All begin with `ci_` and refer to the platform's with ON DELETE CASCADE."""
from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import Mapped, mapped_column

from api.storage.column_types import BranchName, UtcDateTime
from api.storage.database import Base
from api.storage.platform_tables import PLATFORM_TABLES, AnyText

OWN = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_row_format": "DYNAMIC"}
LongText = Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
LongBytes = LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")
Exact = UtcDateTime(exact=True)


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
    `shard_tests` has the regression ids of each shard, in JSON, of a run with more than one.
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
    """

    __tablename__ = "ci_shard"
    __table_args__ = (OWN,)

    run_id: Mapped[int] = mapped_column(ForeignKey("test.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    shard: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    fence: Mapped[int]
    worker: Mapped[str | None] = mapped_column(String(100))
    session: Mapped[str | None] = mapped_column(String(36))
    deadline: Mapped[datetime | None] = mapped_column(Exact, index=True)
    log_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")


class RunReplacementRow(Base):
    """The run that was queued in place of a lost one. A run has one at most, and stands for one at most."""

    __tablename__ = "ci_run_replacement"
    __table_args__ = (OWN,)

    run_id: Mapped[int] = mapped_column(ForeignKey("test.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    replacement_id: Mapped[int] = mapped_column(ForeignKey("test.id", ondelete="CASCADE"), unique=True)


class AccountRow(Base):
    """What the platform's account cannot say.

    `github_number` is the user's number at GitHub, known of the login `github_login`: once the platform has linked another
    login, it means nothing any more.
    """

    __tablename__ = "ci_account"
    __table_args__ = (OWN,)

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    disabled: Mapped[bool]
    github_number: Mapped[int | None] = mapped_column(BigInteger)
    github_login: Mapped[str | None] = mapped_column(String(255))


class PasswordFingerprintRow(Base):
    """The fingerprint of its account's password hash that a token was issued under, and dies with."""

    __tablename__ = "ci_password_fingerprint"
    __table_args__ = (OWN,)

    token_id: Mapped[int] = mapped_column(ForeignKey("api_token.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    fingerprint: Mapped[str] = mapped_column(String(64))


class SessionRow(Base):
    """A session of a page's reader, by the digest of its value. It dies with the password and the role that it began under.

    `token_id` is the token that began it; null where a password did.
    """

    __tablename__ = "ci_session"
    __table_args__ = (Index("ci_ix_session_user", "user_id", "expires_at"), OWN)

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    token_id: Mapped[int | None] = mapped_column(ForeignKey("api_token.id", ondelete="CASCADE"), index=True)
    role: Mapped[str | None] = mapped_column(String(20))
    fingerprint: Mapped[str] = mapped_column(String(64))
    scopes_json: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(Exact)


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


class SampleNoteRow(Base):
    """What people wrote about a sample of which the platform has no upload, where it would stand otherwise."""

    __tablename__ = "ci_sample_note"
    __table_args__ = (OWN,)

    sample_id: Mapped[int] = mapped_column(ForeignKey("sample.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    notes: Mapped[str] = mapped_column(AnyText)


class PendingMediaInfoRow(Base):
    """A sample whose media info is to be made, no earlier than `due_at`."""

    __tablename__ = "ci_pending_media_info"
    __table_args__ = (OWN,)

    sample_id: Mapped[int] = mapped_column(ForeignKey("sample.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    attempts: Mapped[int]
    due_at: Mapped[datetime] = mapped_column(Exact, index=True)


class LibraryChangeRow(Base):
    """Somebody made, changed or deleted a thing of the library. `before` and `after` are JSON objects of the values that changed.

    It outlives what it tells of.
    """

    __tablename__ = "ci_library_change"
    __table_args__ = (Index("ci_ix_library_change_subject", "kind", "subject_id", "id"), OWN)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    subject_id: Mapped[int]
    action: Mapped[str] = mapped_column(String(20))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"), index=True)
    changed_by: Mapped[str] = mapped_column(String(255))
    changed_at: Mapped[datetime] = mapped_column(Exact)
    before: Mapped[str] = mapped_column(LongText)
    after: Mapped[str] = mapped_column(LongText)


class PendingUploadRow(Base):
    """A file on the disk that is to go to the bucket, no earlier than `due_at`; `change` grows when it is stored anew."""

    __tablename__ = "ci_pending_upload"
    __table_args__ = (OWN,)

    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    change: Mapped[int]
    attempts: Mapped[int]
    due_at: Mapped[datetime] = mapped_column(Exact, index=True)


class PlatformAdditionRow(Base):
    """A table or column of the platform's schema that a migration had to add, so that a downgrade takes away just that."""

    __tablename__ = "ci_platform_addition"
    __table_args__ = (OWN,)

    name: Mapped[str] = mapped_column(String(100), primary_key=True)


OWN_TABLES = tuple(table for table in Base.metadata.sorted_tables if table not in PLATFORM_TABLES)
