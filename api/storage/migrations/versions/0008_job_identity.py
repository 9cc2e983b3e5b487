"""Says of each job what it is of, what its tests came to, what it takes on the disk, and why it was repeated."""
from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from api.storage.migrations.steps import columns_of, create_index, indexes_of, present_tables

revision = "0008"
down_revision = "0007"

JOB, INDEX = "ci_job", "ci_ix_job_project"
COLUMNS: dict[str, Any] = {
    "project": sa.String(100), "commit_id": sa.String(65), "branch": sa.String(255), "label": sa.String(100), "rerun_of": sa.String(36),
    "repeat_reason": sa.String(30), "tests": sa.Integer(), "failed_tests": sa.Integer(), "kept_bytes": sa.BigInteger()}


def upgrade() -> None:
    """Add the columns; of the jobs that there are nothing is known."""
    for name, kind in COLUMNS.items():
        if name not in columns_of(JOB):
            op.add_column(JOB, sa.Column(name, kind))
    create_index(INDEX, JOB, ["project", "created_at"])


def downgrade() -> None:
    """Take them away."""
    if JOB in present_tables():
        if INDEX in indexes_of(JOB):
            op.drop_index(INDEX, JOB)
        for name in COLUMNS.keys() & columns_of(JOB):
            op.drop_column(JOB, name)
