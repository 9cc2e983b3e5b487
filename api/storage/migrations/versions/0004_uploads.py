"""Files that are still to go to the bucket."""
from __future__ import annotations

import sqlalchemy as sa

from api.storage.column_types import UtcDateTime
from api.storage.migrations.steps import create_index, create_table, drop_table

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the table."""
    create_table(
        "ci_pending_upload",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("change", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", UtcDateTime(exact=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_ci_pending_upload"))
    create_index("ci_ix_ci_pending_upload_due_at", "ci_pending_upload", ["due_at"])


def downgrade() -> None:
    """Drop it."""
    drop_table("ci_pending_upload")
