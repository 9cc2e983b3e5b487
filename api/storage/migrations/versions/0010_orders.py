"""Keeps how a project wants its job run."""
from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.storage.migrations.steps import columns_of, present_tables

revision = "0010"
down_revision = "0009"

TABLE, COLUMN = "ci_job", "orders"


def upgrade() -> None:
    """Add what was said at submission, as JSON; nothing where nothing was."""
    if COLUMN not in columns_of(TABLE):
        op.add_column(TABLE, sa.Column(COLUMN, sa.Text()))


def downgrade() -> None:
    """Forget it; jobs that wait are then run as the server's settings say."""
    if TABLE in present_tables() and COLUMN in columns_of(TABLE):
        op.drop_column(TABLE, COLUMN)
