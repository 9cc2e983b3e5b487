"""Keeps with each claim on a run how much of its log has come, so that the log can be appended to."""
from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.storage.migrations.steps import columns_of, present_tables

revision = "0022"
down_revision = "0021"

TABLE, COLUMN = "ci_shard", "log_bytes"


def upgrade() -> None:
    """Count what comes from now on: a machine of before sends its log from the beginning."""
    if COLUMN not in columns_of(TABLE):
        op.add_column(TABLE, sa.Column(COLUMN, sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Forget it."""
    if TABLE in present_tables() and COLUMN in columns_of(TABLE):
        op.drop_column(TABLE, COLUMN)
