"""Lets approvals be of variants, too."""
from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.storage.migrations.steps import columns_of, present_tables

revision = "0014"
down_revision = "0010"

TABLE, COLUMN = "ci_approval", "kind"


def upgrade() -> None:
    """Add what an approval does with a hash; those that there are make it the baseline."""
    if COLUMN not in columns_of(TABLE):
        op.add_column(TABLE, sa.Column(COLUMN, sa.String(20), nullable=False, server_default="baseline"))


def downgrade() -> None:
    """Forget the kinds, and with them the requests for variants, which an older server would take for baselines."""
    if TABLE in present_tables() and COLUMN in columns_of(TABLE):
        op.execute(sa.text("DELETE FROM ci_approval WHERE kind <> 'baseline'"))
        op.drop_column(TABLE, COLUMN)
