"""How many of the platform's rows a run's verdicts were made from, so that rows which come later are noticed."""
from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.storage.migrations.steps import columns_of

revision = "0009"
down_revision = "0008"

TABLE, COLUMN = "ci_run", "report_count"


def upgrade() -> None:
    """Add the column; a run that was judged before is looked at anew when somebody asks for it."""
    if COLUMN not in columns_of(TABLE):
        op.add_column(TABLE, sa.Column(COLUMN, sa.Integer()))


def downgrade() -> None:
    """Drop it."""
    if COLUMN in columns_of(TABLE):
        op.drop_column(TABLE, COLUMN)
