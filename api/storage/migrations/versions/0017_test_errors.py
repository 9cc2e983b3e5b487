"""Keeps the errors that kept machines from executing tests."""
from __future__ import annotations

import sqlalchemy as sa

from api.storage.database import NAMES
from api.storage.migrations.steps import create_table, drop_table

revision = "0017"
down_revision = "0016"

SCHEMA = sa.MetaData(naming_convention=NAMES)
sa.Table("test", SCHEMA, sa.Column("id", sa.Integer(), primary_key=True))
TEST_ERROR = sa.Table(
    "ci_test_error", SCHEMA,
    sa.Column("run_id", sa.Integer(), sa.ForeignKey("test.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("regression_id", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("type", sa.String(30), nullable=False),
    sa.Column("message", sa.Text(), nullable=False),
    mysql_charset="utf8mb4", mysql_collate="utf8mb4_bin", mysql_engine="InnoDB", mysql_row_format="DYNAMIC")


def upgrade() -> None:
    """Add the table, which is empty."""
    create_table(TEST_ERROR)


def downgrade() -> None:
    """Forget the errors; what became of the runs stays."""
    drop_table(TEST_ERROR.name)
