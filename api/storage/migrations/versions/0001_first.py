"""Creates the platform's schema where it is missing, and this server's own tables."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from api.storage.column_types import UtcDateTime
from api.storage.database import NAMES
from api.storage.migrations.steps import columns_of, create_index, create_table, drop_table, indexes_of, present_tables
from api.storage.platform_tables import PLATFORM_TABLES

revision = "0001"
down_revision = None

EXACT = UtcDateTime(exact=True)
LONG_TEXT = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
LONG_BYTES = sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")
OPTIONS: dict[str, Any] = {
    "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB", "mysql_row_format": "DYNAMIC"}
SCHEMA = sa.MetaData(naming_convention=NAMES)
for platform_table in PLATFORM_TABLES:
    platform_table.to_metadata(SCHEMA)

ADDITIONS = sa.Table("ci_platform_addition", SCHEMA, sa.Column("name", sa.String(100), primary_key=True), **OPTIONS)
sa.Table(
    "ci_expected_tests", SCHEMA,
    sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
    sa.Column("body", LONG_TEXT, nullable=False),
    **OPTIONS)
sa.Table(
    "ci_run", SCHEMA,
    sa.Column("run_id", sa.Integer(), sa.ForeignKey("test.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("platform", sa.String(50), nullable=False),
    sa.Column("repository", sa.String(255), nullable=False),
    sa.Column("branch", sa.String(255)),
    sa.Column("commit_sha", sa.String(64), nullable=False),
    sa.Column("pull_request", sa.Integer()),
    sa.Column("created_at", EXACT, nullable=False),
    sa.Column("requester_id", sa.Integer(), sa.ForeignKey("user.id", ondelete="SET NULL"), index=True),
    sa.Column("environment_id", sa.String(100)),
    sa.Column("source_run_id", sa.Integer(), sa.ForeignKey("test.id", ondelete="SET NULL"), index=True),
    sa.Column("reason", sa.String(255)),
    sa.Column("parent_sha", sa.String(40)),
    sa.Column("merge_base_sha", sa.String(40)),
    sa.Column("expected_tests_id", sa.Integer(), sa.ForeignKey("ci_expected_tests.id"), index=True),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("last_progress_id", sa.Integer(), sa.ForeignKey("test_progress.id", ondelete="SET NULL"), index=True),
    sa.Column("started_at", UtcDateTime()),
    sa.Column("completed_at", UtcDateTime()),
    sa.Column("total_samples", sa.Integer()),
    sa.Column("pass_count", sa.Integer()),
    sa.Column("fail_count", sa.Integer()),
    sa.Column("missing_output_count", sa.Integer()),
    sa.Column("skipped_count", sa.Integer()),
    sa.Column("error_count", sa.Integer()),
    sa.Column("infrastructure_error_count", sa.Integer()),
    sa.Column("report_count", sa.Integer()),
    sa.Column("altered", sa.String(100)),
    sa.Index("ci_ix_run_branch", "branch", "created_at", "run_id"),
    sa.Index("ci_ix_run_branch_started", "branch", "started_at", "run_id"),
    sa.Index("ci_ix_run_commit", "commit_sha", "created_at", "run_id"),
    sa.Index("ci_ix_run_created", "created_at", "run_id"),
    sa.Index("ci_ix_run_platform", "platform", "status", "run_id"),
    sa.Index("ci_ix_run_platform_created", "platform", "created_at", "run_id"),
    sa.Index("ci_ix_run_platform_started", "platform", "started_at", "run_id"),
    sa.Index("ci_ix_run_pull_request", "pull_request", "created_at", "run_id"),
    sa.Index("ci_ix_run_repository", "repository", "branch", "created_at", "run_id"),
    sa.Index("ci_ix_run_repository_created", "repository", "created_at", "run_id"),
    sa.Index("ci_ix_run_repository_started", "repository", "started_at", "run_id"),
    sa.Index("ci_ix_run_started", "started_at", "run_id"),
    sa.Index("ci_ix_run_status", "status", "created_at", "run_id"),
    sa.Index("ci_ix_run_status_started", "status", "started_at", "run_id"),
    **OPTIONS)
sa.Table(
    "ci_verdict", SCHEMA,
    sa.Column("regression_id", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("created_at", EXACT, primary_key=True),
    sa.Column("run_id", sa.Integer(), sa.ForeignKey("ci_run.run_id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("run_status", sa.String(20), nullable=False),
    sa.Column("platform", sa.String(50), nullable=False),
    sa.Column("branch", sa.String(255)),
    sa.Column("verdict", sa.String(20), nullable=False),
    sa.Column("signature", sa.String(100)),
    sa.Index("ci_ix_verdict_branch", "regression_id", "branch", "created_at", "run_id"),
    sa.Index("ci_ix_verdict_run", "run_id"),
    sa.Index("ci_ix_verdict_status", "regression_id", "run_status", "created_at", "run_id"),
    sa.Index("ci_ix_verdict_verdict", "regression_id", "verdict", "created_at", "run_id"),
    **OPTIONS, sqlite_with_rowid=False)
sa.Table(
    "ci_report_snapshot", SCHEMA,
    sa.Column("run_id", sa.Integer(), sa.ForeignKey("ci_run.run_id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("body", LONG_BYTES, nullable=False),
    **OPTIONS)
sa.Table(
    "ci_result_time", SCHEMA,
    sa.Column("run_id", sa.Integer(), sa.ForeignKey("test.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("regression_id", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("ended_at", EXACT, nullable=False),
    **OPTIONS)
sa.Table(
    "ci_event_origin", SCHEMA,
    sa.Column("event_id", sa.Integer(), sa.ForeignKey("test_progress.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("type", sa.String(30)),
    sa.Column("stack", sa.Text()),
    **OPTIONS)
sa.Table(
    "ci_late_event", SCHEMA,
    sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("run_id", sa.Integer(), sa.ForeignKey("test.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("kind", sa.String(30), nullable=False),
    sa.Column("happened_at", EXACT, nullable=False),
    **OPTIONS)
sa.Table(
    "ci_idempotency_key", SCHEMA,
    sa.Column("user_id", sa.Integer(), sa.ForeignKey("user.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("operation", sa.String(60), primary_key=True),
    sa.Column("key", sa.String(255), primary_key=True),
    sa.Column("body_digest", sa.String(64), nullable=False),
    sa.Column("run_id", sa.Integer(), sa.ForeignKey("test.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("created_at", EXACT, nullable=False),
    **OPTIONS)
sa.Table(
    "ci_claim", SCHEMA,
    sa.Column("run_id", sa.Integer(), sa.ForeignKey("test.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("worker", sa.String(100), nullable=False),
    sa.Column("fence", sa.Integer(), nullable=False),
    sa.Column("deadline", EXACT, nullable=False, index=True),
    **OPTIONS)
sa.Table(
    "ci_run_replacement", SCHEMA,
    sa.Column("run_id", sa.Integer(), sa.ForeignKey("test.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("replacement_id", sa.Integer(), sa.ForeignKey("test.id", ondelete="CASCADE"), nullable=False, unique=True),
    **OPTIONS)
sa.Table(
    "ci_account", SCHEMA,
    sa.Column("user_id", sa.Integer(), sa.ForeignKey("user.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("disabled", sa.Boolean(), nullable=False),
    sa.Column("github_number", sa.BigInteger()),
    sa.Column("github_login", sa.String(255)),
    **OPTIONS)
sa.Table(
    "ci_password_fingerprint", SCHEMA,
    sa.Column("token_id", sa.Integer(), sa.ForeignKey("api_token.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    **OPTIONS)
sa.Table(
    "ci_approval", SCHEMA,
    sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("run_id", sa.Integer(), nullable=False),
    sa.Column("sample_id", sa.Integer(), nullable=False),
    sa.Column("regression_id", sa.Integer(), nullable=False),
    sa.Column("output_id", sa.Integer(), nullable=False),
    sa.Column("extension", sa.String(64), nullable=False),
    sa.Column("hash_before", sa.String(64), nullable=False),
    sa.Column("hash_after", sa.String(64), nullable=False),
    sa.Column("apply_to_variants", sa.Boolean(), nullable=False),
    sa.Column("reason", sa.Text(), nullable=False),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("pending_key", sa.String(64), unique=True),
    sa.Column("requester_id", sa.Integer(), sa.ForeignKey("user.id", ondelete="SET NULL"), index=True),
    sa.Column("requested_by", sa.String(255), nullable=False),
    sa.Column("created_at", EXACT, nullable=False),
    sa.Column("decided_by", sa.String(255)),
    sa.Column("decided_at", EXACT),
    sa.Column("decision_reason", sa.Text()),
    sa.Index("ci_ix_approval_run", "run_id", "id"),
    sa.Index("ci_ix_approval_status", "status", "id"),
    **OPTIONS)
sa.Table(
    "ci_baseline_change", SCHEMA,
    sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("approval_id", sa.Integer(), sa.ForeignKey("ci_approval.id"), nullable=False, index=True),
    sa.Column("regression_id", sa.Integer(), nullable=False),
    sa.Column("output_id", sa.Integer(), nullable=False),
    sa.Column("hash_before", sa.String(64), nullable=False),
    sa.Column("hash_after", sa.String(64), nullable=False),
    sa.Column("changed_at", EXACT, nullable=False),
    sa.Index("ci_ix_baseline_change_output", "output_id", "id"),
    **OPTIONS)
sa.Table(
    "ci_pending_upload", SCHEMA,
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("change", sa.Integer(), nullable=False),
    sa.Column("attempts", sa.Integer(), nullable=False),
    sa.Column("due_at", EXACT, nullable=False, index=True),
    **OPTIONS)
sa.Table(
    "ci_job", SCHEMA,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("owner_id", sa.Integer(), sa.ForeignKey("user.id", ondelete="CASCADE"), nullable=False),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("success", sa.Boolean()),
    sa.Column("reason", sa.String(30)),
    sa.Column("exit_code", sa.Integer()),
    sa.Column("priority", sa.Integer(), nullable=False),
    sa.Column("attempt", sa.Integer(), nullable=False),
    sa.Column("max_attempts", sa.Integer(), nullable=False),
    sa.Column("fence", sa.Integer(), nullable=False),
    sa.Column("attempt_fence", sa.Integer(), nullable=False),
    sa.Column("agent", sa.String(100)),
    sa.Column("lease_until", EXACT, index=True),
    sa.Column("cancel_requested", sa.Boolean(), nullable=False),
    sa.Column("created_at", EXACT, nullable=False),
    sa.Column("start_time", EXACT),
    sa.Column("end_time", EXACT),
    sa.Column("web_hook", sa.Text()),
    sa.Column("refused", sa.Integer(), nullable=False, server_default="0"),
    sa.Index("ci_ix_job_created", "created_at", "id"),
    sa.Index("ci_ix_job_owner", "owner_id", "status", "created_at"),
    sa.Index("ci_ix_job_queue", "status", "priority", "created_at"),
    **OPTIONS)
sa.Table(
    "ci_job_webhook", SCHEMA,
    sa.Column("job_id", sa.String(36), sa.ForeignKey("ci_job.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("attempts", sa.Integer(), nullable=False),
    sa.Column("due_at", EXACT, nullable=False, index=True),
    **OPTIONS)
sa.Table(
    "ci_agent", SCHEMA,
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("sandbox", sa.String(30)),
    sa.Column("trouble", sa.Text()),
    sa.Column("missing", sa.Text(), nullable=False),
    sa.Column("slots", sa.Integer(), nullable=False),
    sa.Column("running", sa.Integer(), nullable=False),
    sa.Column("seen_at", EXACT, nullable=False, index=True),
    **OPTIONS)
OWN_TABLES = [table for table in SCHEMA.sorted_tables if table.name.startswith("ci_")]


def upgrade() -> None:
    """Create what is missing, and note what of the platform's schema that was.

    MySQL commits every statement that makes a table, so a step that broke off leaves what it had made; it can be repeated,
    and each thing is noted before it is made.
    """
    create_table(ADDITIONS)
    _create_platform_tables()
    _create_missing_columns()
    for table, name, column in _indexes():
        create_index(name, table, [column])
    for own in OWN_TABLES:
        create_table(own)


def downgrade() -> None:
    """Drop our own tables, and of the platform's schema just what `upgrade` had to create."""
    added, present = _added(), present_tables()
    for own in reversed(OWN_TABLES):
        if own is not ADDITIONS:
            drop_table(own.name)
    for table, index, _ in list(_indexes()):
        if table not in added and index in indexes_of(table):
            op.drop_index(index, table)
    if "user.github_login" in added and "user" not in added and "github_login" in columns_of("user"):
        op.drop_column("user", "github_login")
    for each in reversed(PLATFORM_TABLES):
        if each.name in added & present:
            op.drop_table(each.name)
    drop_table(ADDITIONS.name)


def _added() -> set[str]:
    if ADDITIONS.name not in present_tables():
        return set()
    return set(op.get_bind().execute(sa.select(ADDITIONS.c.name)).scalars())


def _note(name: str) -> None:
    if name not in _added():
        op.execute(ADDITIONS.insert().values(name=name))


def _create_platform_tables() -> None:
    present, added = present_tables(), _added()
    for table in PLATFORM_TABLES:
        if table.name not in present:
            _note(table.name)
        if table.name not in present - added:
            create_table(table)


def _create_missing_columns() -> None:
    if "github_login" not in columns_of("user"):
        _note("user.github_login")
        op.add_column("user", sa.Column("github_login", sa.String(255), nullable=True))


def _indexes() -> Iterable[tuple[str, str, str]]:
    """Indexes of ours on the platform's foreign keys: table, name, column. MySQL makes such indexes by itself."""
    if op.get_bind().dialect.name != "sqlite":
        return
    for table in PLATFORM_TABLES:
        leading = next(iter(table.primary_key.columns), None)
        for column in table.columns:
            if column.foreign_keys and column is not leading:
                yield table.name, f"ci_ix_{table.name}_{column.name}", column.name
