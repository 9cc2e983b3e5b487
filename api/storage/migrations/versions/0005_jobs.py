"""Jobs: a zipped project whose tests are run in a sandbox."""
from __future__ import annotations

import sqlalchemy as sa

from api.storage.column_types import UtcDateTime
from api.storage.migrations.steps import create_index, create_table, drop_table

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the two tables."""
    _create_jobs()
    _create_hooks()


def downgrade() -> None:
    """Drop them."""
    drop_table("ci_job_webhook")
    drop_table("ci_job")


def _create_jobs() -> None:
    create_table(
        "ci_job",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("success", sa.Boolean(), nullable=True),
        sa.Column("reason", sa.String(length=30), nullable=True),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("attempt_fence", sa.Integer(), nullable=False),
        sa.Column("agent", sa.String(length=100), nullable=True),
        sa.Column("lease_until", UtcDateTime(exact=True), nullable=True),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(exact=True), nullable=False),
        sa.Column("start_time", UtcDateTime(exact=True), nullable=True),
        sa.Column("end_time", UtcDateTime(exact=True), nullable=True),
        sa.Column("web_hook", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["owner_id"], ["user.id"], name="ci_fk_ci_job_owner_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_ci_job"))
    create_index("ci_ix_job_queue", "ci_job", ["status", "priority", "created_at"])
    create_index("ci_ix_job_owner", "ci_job", ["owner_id", "status", "created_at"])
    create_index("ci_ix_job_created", "ci_job", ["created_at", "id"])
    create_index("ci_ix_ci_job_lease_until", "ci_job", ["lease_until"])


def _create_hooks() -> None:
    create_table(
        "ci_job_webhook",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", UtcDateTime(exact=True), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["ci_job.id"], name="ci_fk_ci_job_hook_job_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", name="pk_ci_job_hook"))
    create_index("ci_ix_ci_job_hook_due_at", "ci_job_webhook", ["due_at"])
