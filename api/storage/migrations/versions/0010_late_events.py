"""What happened to runs after their end, which has no place among the platform's events."""
from __future__ import annotations

import sqlalchemy as sa

from api.storage.column_types import UtcDateTime
from api.storage.migrations.steps import create_index, create_table, drop_table

revision = "0010"
down_revision = "0009"

TABLE = "ci_late_event"


def upgrade() -> None:
    """Add the table."""
    create_table(
        TABLE,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(30), nullable=False),
        sa.Column("happened_at", UtcDateTime(exact=True), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["test.id"], name="ci_fk_ci_late_event_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_ci_late_event"))
    create_index("ci_ix_ci_late_event_run_id", TABLE, ["run_id"])


def downgrade() -> None:
    """Drop it."""
    drop_table(TABLE)
