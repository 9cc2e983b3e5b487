"""Verdicts in the order of their histories, when each result came, and runs in every order of their lists."""
from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.storage.column_types import UtcDateTime
from api.storage.migrations.steps import create_index, create_table, drop_table, indexes_of, present_tables

revision = "0003"
down_revision = "0002"

BY_RUN, BY_TEST, TIMES = "ci_verdict", "ci_history", "ci_result_time"
ORDERS = {
    f"ci_ix_run_{column}_{order}": [column, f"{order}_at", "run_id"]
    for column, order in (
        ("status", "started"), ("repository", "created"), ("repository", "started"), ("branch", "started"), ("platform", "created"),
        ("platform", "started"))}


def upgrade() -> None:
    """Put the verdicts into a table that is ordered by regression test and age of the run; add the times of results, and indexes.

    Each part looks whether it is done, since on MySQL a step that broke off leaves what it had made.
    """
    _create_history()
    if BY_RUN in present_tables():
        op.execute(f"DELETE FROM {BY_TEST}")
        op.execute(
            f"INSERT INTO {BY_TEST} (regression_id, created_at, run_id, run_status, platform, branch, verdict, signature) "
            f"SELECT v.regression_id, r.created_at, v.run_id, r.status, r.platform, r.branch, v.verdict, v.signature "
            f"FROM {BY_RUN} v JOIN ci_run r ON r.run_id = v.run_id")
        drop_table(BY_RUN)
    create_table(
        TIMES,
        sa.Column("run_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("regression_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ended_at", UtcDateTime(exact=True), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["test.id"], name="ci_fk_ci_result_time_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "regression_id", name="pk_ci_result_time"))
    for name, columns in ORDERS.items():
        create_index(name, "ci_run", columns)


def downgrade() -> None:
    """Put the verdicts back into the order of their runs, and forget the rest."""
    for name in ORDERS:
        if name in indexes_of("ci_run"):
            op.drop_index(name, "ci_run")
    drop_table(TIMES)
    _create_verdicts()
    if BY_TEST in present_tables():
        op.execute(f"DELETE FROM {BY_RUN}")
        op.execute(
            f"INSERT INTO {BY_RUN} (run_id, regression_id, verdict, signature) "
            f"SELECT run_id, regression_id, verdict, signature FROM {BY_TEST}")
        drop_table(BY_TEST)


def _create_history() -> None:
    create_table(
        BY_TEST,
        sa.Column("regression_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("created_at", UtcDateTime(exact=True), nullable=False),
        sa.Column("run_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("run_status", sa.String(length=20), nullable=False),
        sa.Column("platform", sa.String(length=50), nullable=False),
        sa.Column("branch", sa.String(length=255), nullable=True),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("signature", sa.String(length=100), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["ci_run.run_id"], name="ci_fk_ci_history_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("regression_id", "created_at", "run_id", name="pk_ci_history"),
        sqlite_with_rowid=False)
    create_index("ci_ix_history_run", BY_TEST, ["run_id"])


def _create_verdicts() -> None:
    create_table(
        BY_RUN,
        sa.Column("run_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("regression_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("signature", sa.String(length=100), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["ci_run.run_id"], name="ci_fk_ci_verdict_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "regression_id", name="pk_ci_verdict"))
    create_index("ci_ix_verdict_test", BY_RUN, ["regression_id", "run_id"])
