"""Keeps the code of an infrastructure error beside its type; of errors from before it is null."""
from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.storage.migrations.steps import columns_of, present_tables

revision = "0020"
down_revision = "0019"

TABLES, COLUMN = ("ci_event_origin", "ci_test_error"), "code"


def upgrade() -> None:
    """Add the columns, which are empty."""
    for table in TABLES:
        if COLUMN not in columns_of(table):
            op.add_column(table, sa.Column(COLUMN, sa.String(50)))


def downgrade() -> None:
    """Forget the codes; types and messages stay."""
    for table in TABLES:
        if table in present_tables() and COLUMN in columns_of(table):
            op.drop_column(table, COLUMN)
