"""What finished runs were judged by, and how many rows of the platform's that was, so that rows which come later are noticed."""
from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from api.storage.migrations.steps import columns_of, create_table, drop_table

revision = "0009"
down_revision = "0008"

TABLE, COLUMN, KEPT = "ci_run", "report_count", "ci_report_snapshot"


def upgrade() -> None:
    """Add column and table; a run that was judged before is judged anew when somebody asks for it."""
    if COLUMN not in columns_of(TABLE):
        op.add_column(TABLE, sa.Column(COLUMN, sa.Integer()))
    create_table(
        KEPT,
        sa.Column("run_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb"), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["ci_run.run_id"], name="ci_fk_ci_kept_reports_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", name="pk_ci_kept_reports"))


def downgrade() -> None:
    """Drop them."""
    drop_table(KEPT)
    if COLUMN in columns_of(TABLE):
        op.drop_column(TABLE, COLUMN)
