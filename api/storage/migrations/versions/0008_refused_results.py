"""How many results of a job were refused because the claim had passed to another."""
from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.storage.migrations.steps import columns_of

revision = "0008"
down_revision = "0007"

TABLE, COLUMN = "ci_job", "refused"


def upgrade() -> None:
    """Add the column."""
    if COLUMN not in columns_of(TABLE):
        op.add_column(TABLE, sa.Column(COLUMN, sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop it."""
    if COLUMN in columns_of(TABLE):
        op.drop_column(TABLE, COLUMN)
