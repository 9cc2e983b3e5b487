"""Baselines as a reviewed workflow: requests, decisions, and the history of every baseline."""
from __future__ import annotations

import sqlalchemy as sa

from api.storage.column_types import UtcDateTime
from api.storage.migrations.steps import create_index, create_table, drop_table

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the two tables."""
    create_table(
        "ci_approval",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("sample_id", sa.Integer(), nullable=False),
        sa.Column("regression_id", sa.Integer(), nullable=False),
        sa.Column("output_id", sa.Integer(), nullable=False),
        sa.Column("extension", sa.String(length=64), nullable=False),
        sa.Column("hash_before", sa.String(length=64), nullable=False),
        sa.Column("hash_after", sa.String(length=64), nullable=False),
        sa.Column("apply_to_variants", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("pending_key", sa.String(length=64), nullable=True),
        sa.Column("requester_id", sa.Integer(), nullable=True),
        sa.Column("requested_by", sa.String(length=255), nullable=False),
        sa.Column("created_at", UtcDateTime(exact=True), nullable=False),
        sa.Column("decided_by", sa.String(length=255), nullable=True),
        sa.Column("decided_at", UtcDateTime(exact=True), nullable=True),
        sa.Column("decision_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["requester_id"], ["user.id"], name="ci_fk_ci_approval_requester_id", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_ci_approval"),
        sa.UniqueConstraint("pending_key", name="ci_uq_ci_approval_pending_key"))
    create_index("ci_ix_approval_status", "ci_approval", ["status", "id"])
    create_index("ci_ix_approval_run", "ci_approval", ["run_id", "id"])
    create_index("ci_ix_ci_approval_requester_id", "ci_approval", ["requester_id"])
    create_table(
        "ci_baseline_change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("approval_id", sa.Integer(), nullable=False),
        sa.Column("regression_id", sa.Integer(), nullable=False),
        sa.Column("output_id", sa.Integer(), nullable=False),
        sa.Column("hash_before", sa.String(length=64), nullable=False),
        sa.Column("hash_after", sa.String(length=64), nullable=False),
        sa.Column("changed_at", UtcDateTime(exact=True), nullable=False),
        sa.ForeignKeyConstraint(["approval_id"], ["ci_approval.id"], name="ci_fk_ci_baseline_change_approval_id"),
        sa.PrimaryKeyConstraint("id", name="pk_ci_baseline_change"))
    create_index("ci_ix_ci_baseline_change_approval_id", "ci_baseline_change", ["approval_id"])
    create_index("ci_ix_baseline_change_output", "ci_baseline_change", ["output_id", "id"])


def downgrade() -> None:
    """Drop them."""
    drop_table("ci_baseline_change")
    drop_table("ci_approval")
