"""Ends the claims on a run when the platform restarts it, numbers its claims on, and keeps when its growing logs were joined."""
from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.storage.column_types import UtcDateTime
from api.storage.migrations.steps import columns_of, create_index, indexes_of, present_tables

revision = "0023"
down_revision = "0022"

RUN, FENCE, JOINED = "ci_run", "newest_fence", "log_joined_at"
SHARD, EVENT, KEY = "ci_shard", "begun_by", "ci_fk_ci_shard_begun_by"
INDEXES = {"ci_ix_ci_shard_begun_by": EVENT, "ci_ix_ci_shard_worker": "worker"}
runs = sa.table(RUN, sa.column("run_id"), sa.column(FENCE))
shards = sa.table(SHARD, sa.column("run_id"), sa.column("fence"))


def upgrade() -> None:
    """Count on from the claims that there are; those end with their leases, as before."""
    for column in (sa.Column(FENCE, sa.Integer()), sa.Column(JOINED, UtcDateTime(exact=True))):
        if column.name not in columns_of(RUN):
            op.add_column(RUN, column)
    newest = sa.select(sa.func.max(shards.c.fence)).where(shards.c.run_id == runs.c.run_id).scalar_subquery()
    op.execute(sa.update(runs).where(runs.c.run_id.in_(sa.select(shards.c.run_id))).values({FENCE: newest}))
    # SQLite makes the table anew for a key.
    with op.batch_alter_table(SHARD) as altered:
        if EVENT not in columns_of(SHARD):
            altered.add_column(sa.Column(EVENT, sa.Integer()))
        if not _has_key():
            altered.create_foreign_key(KEY, "test_progress", [EVENT], ["id"], ondelete="CASCADE")
    for name, indexed in INDEXES.items():
        create_index(name, SHARD, [indexed])


def downgrade() -> None:
    """Forget what the claims began with, their numbers of before, and when logs were joined."""
    if SHARD in present_tables():
        with op.batch_alter_table(SHARD) as altered:
            if _has_key():
                altered.drop_constraint(KEY, type_="foreignkey")
            for name in INDEXES.keys() & indexes_of(SHARD):
                altered.drop_index(name)
            if EVENT in columns_of(SHARD):
                altered.drop_column(EVENT)
    for name in (JOINED, FENCE):
        if RUN in present_tables() and name in columns_of(RUN):
            op.drop_column(RUN, name)


def _has_key() -> bool:
    return KEY in {key["name"] for key in sa.inspect(op.get_bind()).get_foreign_keys(SHARD)}
