"""Jobs: a zipped project whose tests are run in a cage."""
from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from api.storage.database import UtcDateTime

revision = "0005"
down_revision = "0004"

TABLE: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}


def upgrade() -> None:
    """Add the two tables. Each part looks whether it is done, since on MySQL a step that broke off leaves what it had made."""
    present = set(sa.inspect(op.get_bind()).get_table_names())
    if "ci_job" not in present:
        _create_jobs()
    if "ci_job_hook" not in present:
        _create_hooks()


def downgrade() -> None:
    """Drop them."""
    present = set(sa.inspect(op.get_bind()).get_table_names())
    for name in ("ci_job_hook", "ci_job"):
        if name in present:
            op.drop_table(name)


def _create_jobs() -> None:
    op.create_table(
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
        sa.PrimaryKeyConstraint("id", name="pk_ci_job"),
        sa.Index("ci_ix_job_queue", "status", "priority", "created_at"),
        sa.Index("ci_ix_job_owner", "owner_id", "status", "created_at"),
        sa.Index("ci_ix_job_created", "created_at", "id"),
        sa.Index("ci_ix_ci_job_lease_until", "lease_until"),
        **TABLE)


def _create_hooks() -> None:
    op.create_table(
        "ci_job_hook",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", UtcDateTime(exact=True), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["ci_job.id"], name="ci_fk_ci_job_hook_job_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", name="pk_ci_job_hook"),
        sa.Index("ci_ix_ci_job_hook_due_at", "due_at"),
        **TABLE)
