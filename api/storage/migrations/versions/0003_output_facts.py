"""Keeps the facts of pairs of outputs."""
from __future__ import annotations

import sqlalchemy as sa

from api.storage.migrations.steps import create_table, drop_table

revision = "0003"
down_revision = "0002"

SCHEMA = sa.MetaData()
FACTS = sa.Table(
    "ci_output_facts", SCHEMA,
    sa.Column("pair", sa.String(32), primary_key=True),
    sa.Column("version", sa.Integer(), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("body", sa.LargeBinary(), nullable=False),
    sqlite_with_rowid=False, mysql_charset="utf8mb4", mysql_collate="utf8mb4_bin", mysql_engine="InnoDB", mysql_row_format="DYNAMIC")


def upgrade() -> None:
    """Add the table."""
    create_table(FACTS)


def downgrade() -> None:
    """Take it away."""
    drop_table(FACTS.name)
