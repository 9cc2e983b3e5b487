"""Divides a run among machines: a claim is on a shard, of which a run has one unless it was asked for with more."""
from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from api.storage.column_types import UtcDateTime
from api.storage.database import NAMES
from api.storage.migrations.steps import columns_of, create_table, drop_table, present_tables
from api.storage.platform_tables import PLATFORM_TABLES

revision = "0019"
down_revision = "0018"

RUN, COLUMN = "ci_run", "shards"
EXACT = UtcDateTime(exact=True)
OPTIONS: dict[str, Any] = {
    "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB", "mysql_row_format": "DYNAMIC"}
SCHEMA = sa.MetaData(naming_convention=NAMES)
for platform_table in PLATFORM_TABLES:
    platform_table.to_metadata(SCHEMA)


def _run() -> sa.Column[int]:
    return sa.Column("run_id", sa.Integer(), sa.ForeignKey("test.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)


SHARD = sa.Table(
    "ci_shard", SCHEMA,
    _run(),
    sa.Column("shard", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("fence", sa.Integer(), nullable=False),
    sa.Column("worker", sa.String(100)),
    sa.Column("session", sa.String(36)),
    sa.Column("deadline", EXACT, index=True),
    **OPTIONS)
CLAIM = sa.Table(
    "ci_claim", SCHEMA,
    _run(),
    sa.Column("worker", sa.String(100), nullable=False),
    sa.Column("fence", sa.Integer(), nullable=False),
    sa.Column("deadline", EXACT, nullable=False, index=True),
    sa.Column("session", sa.String(36)),
    **OPTIONS)
KEPT = "run_id", "fence", "worker", "session", "deadline"


def upgrade() -> None:
    """Make each claim one on the only shard of its run."""
    if COLUMN not in columns_of(RUN):
        op.add_column(RUN, sa.Column(COLUMN, sa.Integer()))
    create_table(SHARD)
    if CLAIM.name in present_tables():
        there = sa.select(SHARD.c.run_id)
        old = sa.select(sa.literal(0), *(CLAIM.c[name] for name in KEPT)).where(CLAIM.c.run_id.not_in(there))
        op.execute(SHARD.insert().from_select(["shard", *KEPT], old))
        drop_table(CLAIM.name)


def downgrade() -> None:
    """Keep the claims on runs of one shard; what else has begun is lost with its machine."""
    if RUN not in present_tables():
        return
    create_table(CLAIM)
    if SHARD.name in present_tables():
        there = sa.select(CLAIM.c.run_id)
        first = sa.select(*(SHARD.c[name] for name in KEPT)).where(
            SHARD.c.shard == 0, SHARD.c.worker.is_not(None), SHARD.c.run_id.not_in(there))
        op.execute(CLAIM.insert().from_select(KEPT, first))
        drop_table(SHARD.name)
    if COLUMN in columns_of(RUN):
        op.drop_column(RUN, COLUMN)
