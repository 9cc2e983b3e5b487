"""Keeps the machines that execute runs and jobs, and which process of a machine claimed a run."""
from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from api.storage.column_types import UtcDateTime
from api.storage.database import NAMES
from api.storage.migrations.steps import columns_of, create_table, drop_table, present_tables

revision = "0016"
down_revision = "0015"

CLAIM, COLUMN = "ci_claim", "session"
OPTIONS: dict[str, Any] = {
    "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB", "mysql_row_format": "DYNAMIC"}
MACHINE = sa.Table(
    "ci_machine", sa.MetaData(naming_convention=NAMES),
    sa.Column("name", sa.String(60), primary_key=True),
    sa.Column("kinds", sa.String(30), nullable=False),
    sa.Column("platform", sa.String(20), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
    sa.Column("next_digest", sa.String(64), unique=True),
    sa.Column("created_at", UtcDateTime(exact=True), nullable=False),
    sa.Column("seen_at", UtcDateTime(exact=True)),
    **OPTIONS)


def upgrade() -> None:
    """Add the machines, of which there are none, and the session of each claim."""
    create_table(MACHINE)
    if COLUMN not in columns_of(CLAIM):
        op.add_column(CLAIM, sa.Column(COLUMN, sa.String(36)))


def downgrade() -> None:
    """Forget both; workers of an older server claim by the database."""
    drop_table(MACHINE.name)
    if CLAIM in present_tables() and COLUMN in columns_of(CLAIM):
        op.drop_column(CLAIM, COLUMN)
