"""Lets an approval of a baseline take another one back."""
from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.storage.migrations.steps import columns_of, indexes_of, present_tables

revision = "0007"
down_revision = "0006"

TABLE, COLUMN, INDEX = "ci_approval", "reverts_id", "ci_ix_approval_reverts"


def upgrade() -> None:
    """Add the number of the approval that is taken back, of which there is one reversal at most."""
    if COLUMN not in columns_of(TABLE):
        op.add_column(TABLE, sa.Column(COLUMN, sa.Integer()))
    if INDEX not in indexes_of(TABLE):
        op.create_index(INDEX, TABLE, [COLUMN], unique=True)


def downgrade() -> None:
    """Forget what took which approval back; both stay as changes of a baseline."""
    if TABLE in present_tables():
        if INDEX in indexes_of(TABLE):
            op.drop_index(INDEX, TABLE)
        if COLUMN in columns_of(TABLE):
            op.drop_column(TABLE, COLUMN)
