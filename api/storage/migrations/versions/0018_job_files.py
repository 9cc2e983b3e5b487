"""Keeps of each job the hash and the size of its zip; and logs of jobs, where servers share no disk."""
from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from api.storage.database import NAMES
from api.storage.migrations.steps import columns_of, create_table, drop_table, present_tables

revision = "0018"
down_revision = "0017"

JOB = "ci_job"
COLUMNS: dict[str, Any] = {"zip_sha256": sa.String(64), "zip_bytes": sa.BigInteger()}
OPTIONS: dict[str, Any] = {
    "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB", "mysql_row_format": "DYNAMIC"}
METADATA = sa.MetaData(naming_convention=NAMES)
sa.Table(JOB, METADATA, sa.Column("id", sa.String(36), primary_key=True), **OPTIONS)
LOG = sa.Table(
    "ci_job_log", METADATA,
    sa.Column("job_id", sa.String(36), sa.ForeignKey("ci_job.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("fence", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("start", sa.BigInteger(), primary_key=True, autoincrement=False),
    sa.Column("attempt", sa.Integer(), nullable=False),
    sa.Column("size", sa.BigInteger(), nullable=False),
    sa.Column("is_stored", sa.Boolean(), nullable=False),
    sa.Column("content", sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")),
    sa.Index("ci_ix_job_log_here", "is_stored", "job_id", "fence", "attempt", "size"),
    **OPTIONS)


def upgrade() -> None:
    """Add the columns, of which nothing is known for the jobs that there are, and the logs, of which there are none."""
    for name, kind in COLUMNS.items():
        if name not in columns_of(JOB):
            op.add_column(JOB, sa.Column(name, kind))
    create_table(LOG)


def downgrade() -> None:
    """Take them away; logs that were not brought to the bucket are lost."""
    drop_table(LOG.name)
    if JOB in present_tables():
        for name in COLUMNS.keys() & columns_of(JOB):
            op.drop_column(JOB, name)
