"""Finds the runs of pull requests by the commit that they branch off at."""
from __future__ import annotations

from alembic import op

from api.storage.migrations.steps import indexes_of, present_tables

revision = "0009"
down_revision = "0008"

TABLE, INDEX = "ci_run", "ci_ix_run_merge_base"


def upgrade() -> None:
    """Add the index over merge bases."""
    if INDEX not in indexes_of(TABLE):
        op.create_index(INDEX, TABLE, ["merge_base_sha", "run_id"])


def downgrade() -> None:
    """Leave it out again."""
    if TABLE in present_tables() and INDEX in indexes_of(TABLE):
        op.drop_index(INDEX, TABLE)
