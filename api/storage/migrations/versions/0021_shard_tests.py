"""Keeps which tests each shard of a run has. Those of runs that were divided before are told by their number."""
from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from api.storage.migrations.steps import columns_of, present_tables

revision = "0021"
down_revision = "0020"

TABLE, COLUMN = "ci_run", "shard_tests"
KIND = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
RUN = sa.table(TABLE, sa.column("run_id"), sa.column("shards"), sa.column("expected_tests_id"), sa.column(COLUMN))
EXPECTED = sa.table("ci_expected_tests", sa.column("id"), sa.column("body"))


def upgrade() -> None:
    """Add the column, and fill it for the runs that are divided."""
    if COLUMN not in columns_of(TABLE):
        op.add_column(TABLE, sa.Column(COLUMN, KIND))
    divided = sa.select(RUN.c.run_id, RUN.c.shards, EXPECTED.c.body).join(EXPECTED, EXPECTED.c.id == RUN.c.expected_tests_id).where(
        RUN.c.shards > 1, RUN.c[COLUMN].is_(None))
    for run_id, shards, body in op.get_bind().execute(divided).all():
        ids = [test["regression_id"] for test in json.loads(body)]
        tests = json.dumps([ids[number::shards] for number in range(shards)])
        op.execute(sa.update(RUN).where(RUN.c.run_id == run_id).values({COLUMN: tests}))


def downgrade() -> None:
    """Leave it out again."""
    if TABLE in present_tables() and COLUMN in columns_of(TABLE):
        op.drop_column(TABLE, COLUMN)
