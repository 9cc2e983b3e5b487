"""Keeps what is found out about the failures of runs, and which runs wait for that: every one that is over."""
from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from api.storage.column_types import UtcDateTime
from api.storage.database import NAMES
from api.storage.migrations.steps import columns_of, create_index, create_table, drop_table, indexes_of, present_tables

revision = "0006"
down_revision = "0005"

RUN, INDEX = "ci_run", "ci_ix_run_analysis_due"
COLUMNS: dict[str, Any] = {"analysis_due": sa.Integer(), "analysis_taken_until": UtcDateTime(exact=True)}
OPTIONS: dict[str, Any] = {
    "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB", "mysql_row_format": "DYNAMIC"}
SCHEMA = sa.MetaData(naming_convention=NAMES)
sa.Table(RUN, SCHEMA, sa.Column("run_id", sa.Integer(), primary_key=True))
ANALYSIS = sa.Table(
    "ci_analysis", SCHEMA,
    sa.Column("run_id", sa.Integer(), sa.ForeignKey("ci_run.run_id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(32), nullable=False),
    sa.Column("version", sa.Integer(), nullable=False, index=True),
    sa.Column("body", sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb"), nullable=False),
    **OPTIONS)
STEP = sa.Table(
    "ci_step", SCHEMA,
    sa.Column("run_id", sa.Integer(), sa.ForeignKey("ci_analysis.run_id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("regression_id", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("is_change", sa.Boolean(), nullable=False),
    sa.Column("came", sa.String(32), nullable=False),
    sa.Column("step", sa.String(32)),
    sa.Column("body", sa.LargeBinary(), nullable=False),
    sa.Index("ci_ix_step_change", "regression_id", "is_change", "run_id"),
    sa.Index("ci_ix_step_came", "regression_id", "came", "run_id"),
    sa.Index("ci_ix_step_step", "regression_id", "step", "run_id"),
    sqlite_with_rowid=False, **OPTIONS)
CLUSTER = sa.Table(
    "ci_cluster", SCHEMA,
    sa.Column("run_id", sa.Integer(), sa.ForeignKey("ci_analysis.run_id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("ordinal", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("class_id", sa.String(16), nullable=False),
    sa.Column("exact_id", sa.String(16), nullable=False),
    sa.Column("origin", sa.String(20), nullable=False),
    sa.Column("test_count", sa.Integer(), nullable=False),
    sa.Index("ci_ix_cluster_class", "class_id", "run_id"),
    sqlite_with_rowid=False, **OPTIONS)
TABLES = (ANALYSIS, STEP, CLUSTER)


def upgrade() -> None:
    """Add columns and tables, and have the runs analysed that are over."""
    for name, kind in COLUMNS.items():
        if name not in columns_of(RUN):
            op.add_column(RUN, sa.Column(name, kind))
    create_index(INDEX, RUN, ["analysis_due", "run_id"])
    for table in TABLES:
        create_table(table)
    run = sa.table(RUN, sa.column("evidence", sa.String()), sa.column("analysis_due", sa.Integer()))
    op.execute(run.update().where(run.c.evidence.is_not(None)).values(analysis_due=0))


def downgrade() -> None:
    """Take away what was added."""
    for table in reversed(TABLES):
        drop_table(table.name)
    if RUN in present_tables():
        if INDEX in indexes_of(RUN):
            op.drop_index(INDEX, RUN)
        for name in COLUMNS.keys() & columns_of(RUN):
            op.drop_column(RUN, name)
