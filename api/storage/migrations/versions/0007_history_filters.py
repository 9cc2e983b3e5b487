"""Histories in the order of each filter that leaves much out, so that they are counted, and their pages found, in an index alone."""
from __future__ import annotations

from alembic import op

from api.storage.migrations.steps import create_index, indexes_of

revision = "0007"
down_revision = "0006"

TABLE = "ci_history"
FILTERS = {"ci_ix_history_verdict": "verdict", "ci_ix_history_status": "run_status", "ci_ix_history_branch": "branch"}


def upgrade() -> None:
    """Add the indexes."""
    for name, column in FILTERS.items():
        create_index(name, TABLE, ["regression_id", column, "created_at", "run_id"])


def downgrade() -> None:
    """Drop them."""
    for name in FILTERS:
        if name in indexes_of(TABLE):
            op.drop_index(name, TABLE)
