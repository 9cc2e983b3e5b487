"""Keeps all that finished runs were judged by, under a name, with the version of the rules."""
from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from api.storage.migrations.steps import columns_of, create_index, indexes_of, present_tables

revision = "0002"
down_revision = "0001"

OLD, NEW = "ci_report_snapshot", "ci_evidence"
RUN, INDEX = "ci_run", "ci_ix_ci_run_rules_version"
COLUMNS: dict[str, Any] = {"evidence": sa.String(32), "rules_version": sa.Integer()}
FINISHED = ("pass", "fail", "canceled", "error", "incomplete")


def upgrade() -> None:
    """Take the kept reports over, and have the runs that were judged by them judged again, which adds the rest."""
    if OLD in present_tables():
        op.rename_table(OLD, NEW)
    for name, kind in COLUMNS.items():
        if name not in columns_of(RUN):
            op.add_column(RUN, sa.Column(name, kind))
    create_index(INDEX, RUN, ["rules_version"])
    run = sa.table(RUN, sa.column("status", sa.String()), sa.column("rules_version", sa.Integer()))
    op.execute(run.update().where(run.c.rules_version.is_(None), run.c.status.in_(FINISHED)).values(rules_version=0))


def downgrade() -> None:
    """Leave the tables as the step before made them; what they hold goes with that one's."""
    if RUN in present_tables():
        if INDEX in indexes_of(RUN):
            op.drop_index(INDEX, RUN)
        for name in COLUMNS.keys() & columns_of(RUN):
            op.drop_column(RUN, name)
    if NEW in present_tables():
        op.rename_table(NEW, OLD)
