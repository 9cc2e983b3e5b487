"""Adds what the library needs when people keep it: notes, media info that is to be made, a record of changes."""
from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from api.storage.column_types import UtcDateTime
from api.storage.database import NAMES
from api.storage.migrations.steps import create_table, drop_table, present_tables

revision = "0005"
down_revision = "0004"

EXACT = UtcDateTime(exact=True)
LONG_TEXT = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
OPTIONS: dict[str, Any] = {
    "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB", "mysql_row_format": "DYNAMIC"}
SCHEMA = sa.MetaData(naming_convention=NAMES)
sa.Table("sample", SCHEMA, sa.Column("id", sa.Integer(), primary_key=True))
sa.Table("user", SCHEMA, sa.Column("id", sa.Integer(), primary_key=True))

# The platform's own; it has them wherever it is.
PLATFORM = {**OPTIONS, "mysql_collate": "utf8mb4_general_ci"}
FORBIDDEN = (
    sa.Table("extension_forbidden", SCHEMA, sa.Column("extension", sa.String(32), primary_key=True), **PLATFORM),
    sa.Table("mimetype_forbidden", SCHEMA, sa.Column("mimetype", sa.String(64), primary_key=True), **PLATFORM))
OURS = (
    sa.Table(
        "ci_sample_note", SCHEMA,
        sa.Column("sample_id", sa.Integer(), sa.ForeignKey("sample.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
        sa.Column("notes", sa.Text(), nullable=False), **OPTIONS),
    sa.Table(
        "ci_pending_media_info", SCHEMA,
        sa.Column("sample_id", sa.Integer(), sa.ForeignKey("sample.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", EXACT, nullable=False, index=True), **OPTIONS),
    sa.Table(
        "ci_library_change", SCHEMA,
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("user_id", sa.Integer(), sa.ForeignKey("user.id", ondelete="SET NULL"), index=True),
        sa.Column("changed_by", sa.String(255), nullable=False),
        sa.Column("changed_at", EXACT, nullable=False),
        sa.Column("before", LONG_TEXT, nullable=False),
        sa.Column("after", LONG_TEXT, nullable=False),
        sa.Index("ci_ix_library_change_subject", "kind", "subject_id", "id"), **OPTIONS))
ADDITIONS = sa.table("ci_platform_addition", sa.column("name", sa.String(100)))


def upgrade() -> None:
    """Make the tables; each of the platform's is noted before it is made, so that a downgrade takes away just those."""
    for table in FORBIDDEN:
        if table.name not in present_tables():
            op.execute(ADDITIONS.delete().where(ADDITIONS.c.name == table.name))
            op.execute(ADDITIONS.insert().values(name=table.name))
            create_table(table)
    for own in OURS:
        create_table(own)


def downgrade() -> None:
    """Drop what was made; the first step drops the platform's, which it knows by the notes."""
    for own in reversed(OURS):
        drop_table(own.name)
