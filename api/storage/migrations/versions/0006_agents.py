"""Agents: what runs jobs, and in what."""
from __future__ import annotations

import sqlalchemy as sa

from api.storage.column_types import UtcDateTime
from api.storage.migrations.steps import create_index, create_table, drop_table

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the table."""
    create_table(
        "ci_agent",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("sandbox", sa.String(length=30), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("missing", sa.Text(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("running", sa.Integer(), nullable=False),
        sa.Column("seen_at", UtcDateTime(exact=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_ci_agent"))
    create_index("ci_ix_ci_agent_seen_at", "ci_agent", ["seen_at"])


def downgrade() -> None:
    """Drop it."""
    drop_table("ci_agent")
