"""Keeps how long the build of a run's executable took."""
from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.storage.migrations.steps import columns_of, present_tables

revision = "0015"
down_revision = "0014"

TABLE, COLUMN = "ci_run", "build_duration_ms"


def upgrade() -> None:
    """Add the column."""
    if COLUMN not in columns_of(TABLE):
        op.add_column(TABLE, sa.Column(COLUMN, sa.Integer()))


def downgrade() -> None:
    """Leave it out again."""
    if TABLE in present_tables() and COLUMN in columns_of(TABLE):
        op.drop_column(TABLE, COLUMN)
