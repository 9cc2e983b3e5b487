"""Which run was queued in place of which lost one; and one infrastructure error more for runs that ended without all of their results."""
from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.storage.migrations.steps import create_table, drop_table

revision = "0013"
down_revision = "0012"

TABLE = "ci_replacement"
# As it is counted from now on where a run ends; all of these were counted without it.
COUNTED = (
    "UPDATE ci_run SET infrastructure_error_count = COALESCE(infrastructure_error_count, 0) {change} 1 "
    "WHERE status IN ('incomplete', 'error') AND skipped_count > 0")


def upgrade() -> None:
    """Add the table, and count last: on every database that becomes true together with this step's number, so it happens once."""
    create_table(
        TABLE,
        sa.Column("run_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("replacement_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["test.id"], name="ci_fk_ci_replacement_run_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["replacement_id"], ["test.id"], name="ci_fk_ci_replacement_replacement_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", name="pk_ci_replacement"),
        sa.UniqueConstraint("replacement_id", name="ci_uq_ci_replacement_replacement_id"))
    op.execute(COUNTED.format(change="+"))


def downgrade() -> None:
    """Drop it, and count as before, again together with the number."""
    drop_table(TABLE)
    op.execute(COUNTED.format(change="-"))
