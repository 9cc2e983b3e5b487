"""Files that are still to go to the bucket."""
from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from api.storage.database import UtcDateTime

revision = "0004"
down_revision = "0003"

TABLE: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "ci_pending_upload",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("change", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", UtcDateTime(exact=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_ci_pending_upload"),
        **TABLE)
    op.create_index("ci_ix_ci_pending_upload_due_at", "ci_pending_upload", ["due_at"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("ci_pending_upload")
