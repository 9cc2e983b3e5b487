"""The first step: the platform's schema where it is missing, and this server's own tables."""
from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from api.storage.column_types import UtcDateTime
from api.storage.migrations.steps import columns_of, create_index, create_table, drop_table, indexes_of, present_tables
from api.storage.platform_tables import PLATFORM_TABLES

revision = "0001"
down_revision = None

LONG_TEXT = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
OWN_TABLES = ("ci_verdict", "ci_run", "ci_event", "ci_token_seal", "ci_idempotency", "ci_claim", "ci_account", "ci_expected_tests")


def upgrade() -> None:
    """Create what is missing, and note what of the platform's schema that was.

    MySQL commits every statement that makes a table, so a step that broke off leaves what it had made; it can be repeated,
    and each thing is noted before it is made.
    """
    create_table("ci_added", sa.Column("name", sa.String(length=100), nullable=False), sa.PrimaryKeyConstraint("name", name="pk_ci_added"))
    _create_missing_tables()
    _create_missing_columns()
    for table, name, column in _indexes():
        create_index(name, table, [column])
    _create_own_tables()


def downgrade() -> None:
    """Drop our own tables, and of the platform's schema just what `upgrade` had to create."""
    added, present = _added(), present_tables()
    for name in OWN_TABLES:
        drop_table(name)
    for table, index, _ in list(_indexes()):
        if table not in added and index in indexes_of(table):
            op.drop_index(index, table)
    if "user.github_login" in added and "user" not in added and "github_login" in columns_of("user"):
        op.drop_column("user", "github_login")
    for each in reversed(PLATFORM_TABLES):
        if each.name in added & present:
            op.drop_table(each.name)
    drop_table("ci_added")


def _added() -> set[str]:
    if "ci_added" not in present_tables():
        return set()
    return set(op.get_bind().execute(sa.text("SELECT name FROM ci_added")).scalars())


def _note(name: str) -> None:
    if name not in _added():
        op.bulk_insert(sa.table("ci_added", sa.column("name", sa.String)), [{"name": name}])


def _create_missing_tables() -> None:
    present, added = present_tables(), _added()
    for table in PLATFORM_TABLES:
        if table.name not in present:
            _note(table.name)
            table.create(op.get_bind())
        elif table.name in added:
            _create_indexes(table)


def _create_indexes(table: sa.Table) -> None:
    for index in table.indexes:
        create_index(str(index.name), table.name, [column.name for column in index.columns])


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


def _create_own_tables() -> None:
    create_table(
        "ci_expected_tests",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("body", LONG_TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ci_expected_set"),
        sa.UniqueConstraint("digest", name="ci_uq_ci_expected_set_digest"))
    create_table(
        "ci_account",
        sa.Column("user_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name="ci_fk_ci_account_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", name="pk_ci_account"))
    create_table(
        "ci_claim",
        sa.Column("run_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("worker", sa.String(length=100), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("deadline", UtcDateTime(exact=True), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["test.id"], name="ci_fk_ci_claim_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", name="pk_ci_claim"))
    create_index("ci_ix_ci_claim_deadline", "ci_claim", ["deadline"])
    create_table(
        "ci_idempotency",
        sa.Column("user_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("operation", sa.String(length=60), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("body_digest", sa.String(length=64), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(exact=True), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["test.id"], name="ci_fk_ci_idempotency_run_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name="ci_fk_ci_idempotency_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "operation", "key", name="pk_ci_idempotency"))
    create_index("ci_ix_ci_idempotency_run_id", "ci_idempotency", ["run_id"])
    create_table(
        "ci_token_seal",
        sa.Column("token_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["token_id"], ["api_token.id"], name="ci_fk_ci_token_seal_token_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token_id", name="pk_ci_token_seal"))
    create_table(
        "ci_event",
        sa.Column("event_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("type", sa.String(length=30), nullable=True),
        sa.Column("stack", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["event_id"], ["test_progress.id"], name="ci_fk_ci_event_event_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("event_id", name="pk_ci_event"))
    create_table(
        "ci_run",
        sa.Column("run_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("platform", sa.String(length=50), nullable=False),
        sa.Column("repository", sa.String(length=255), nullable=False),
        sa.Column("branch", sa.String(length=255), nullable=True),
        sa.Column("commit_sha", sa.String(length=64), nullable=False),
        sa.Column("pull_request", sa.Integer(), nullable=True),
        sa.Column("created_at", UtcDateTime(exact=True), nullable=False),
        sa.Column("requester_id", sa.Integer(), nullable=True),
        sa.Column("environment_id", sa.String(length=100), nullable=True),
        sa.Column("source_run_id", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(length=255), nullable=True),
        sa.Column("parent_sha", sa.String(length=40), nullable=True),
        sa.Column("merge_base_sha", sa.String(length=40), nullable=True),
        sa.Column("expected_tests_id", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("last_progress_id", sa.Integer(), nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("completed_at", UtcDateTime(), nullable=True),
        sa.Column("total_samples", sa.Integer(), nullable=True),
        sa.Column("pass_count", sa.Integer(), nullable=True),
        sa.Column("fail_count", sa.Integer(), nullable=True),
        sa.Column("missing_output_count", sa.Integer(), nullable=True),
        sa.Column("skipped_count", sa.Integer(), nullable=True),
        sa.Column("error_count", sa.Integer(), nullable=True),
        sa.Column("infrastructure_error_count", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["expected_tests_id"], ["ci_expected_tests.id"], name="ci_fk_ci_run_expected_set_id"),
        sa.ForeignKeyConstraint(["last_progress_id"], ["test_progress.id"],
            name="ci_fk_ci_run_last_progress_id", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["requester_id"], ["user.id"], name="ci_fk_ci_run_requester_id", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["run_id"], ["test.id"], name="ci_fk_ci_run_run_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["source_run_id"], ["test.id"], name="ci_fk_ci_run_source_run_id", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("run_id", name="pk_ci_run"))
    create_index("ci_ix_ci_run_expected_set_id", "ci_run", ["expected_tests_id"])
    create_index("ci_ix_ci_run_last_progress_id", "ci_run", ["last_progress_id"])
    create_index("ci_ix_ci_run_requester_id", "ci_run", ["requester_id"])
    create_index("ci_ix_ci_run_source_run_id", "ci_run", ["source_run_id"])
    create_index("ci_ix_run_branch", "ci_run", ["branch", "created_at", "run_id"])
    create_index("ci_ix_run_commit", "ci_run", ["commit_sha", "created_at", "run_id"])
    create_index("ci_ix_run_created", "ci_run", ["created_at", "run_id"])
    create_index("ci_ix_run_platform", "ci_run", ["platform", "status", "run_id"])
    create_index("ci_ix_run_pull_request", "ci_run", ["pull_request", "created_at", "run_id"])
    create_index("ci_ix_run_repository", "ci_run", ["repository", "branch", "created_at", "run_id"])
    create_index("ci_ix_run_started", "ci_run", ["started_at", "run_id"])
    create_index("ci_ix_run_status", "ci_run", ["status", "created_at", "run_id"])
    create_table(
        "ci_verdict",
        sa.Column("run_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("regression_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("signature", sa.String(length=100), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["ci_run.run_id"], name="ci_fk_ci_verdict_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "regression_id", name="pk_ci_verdict"))
    create_index("ci_ix_verdict_test", "ci_verdict", ["regression_id", "run_id"])
