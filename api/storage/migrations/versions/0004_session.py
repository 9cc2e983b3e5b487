"""Keeps the sessions of the pages' readers."""
from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from api.storage.column_types import UtcDateTime
from api.storage.database import NAMES
from api.storage.migrations.steps import create_table, drop_table
from api.storage.platform_tables import PLATFORM_TABLES

revision = "0004"
down_revision = "0003"

OPTIONS: dict[str, Any] = {
    "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB", "mysql_row_format": "DYNAMIC"}
SCHEMA = sa.MetaData(naming_convention=NAMES)
for platform_table in PLATFORM_TABLES:
    platform_table.to_metadata(SCHEMA)
SESSION = sa.Table(
    "ci_session", SCHEMA,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("user_id", sa.Integer(), sa.ForeignKey("user.id", ondelete="CASCADE"), nullable=False),
    sa.Column("token_id", sa.Integer(), sa.ForeignKey("api_token.id", ondelete="CASCADE"), index=True),
    sa.Column("role", sa.String(20)),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("scopes_json", sa.Text(), nullable=False),
    sa.Column("expires_at", UtcDateTime(exact=True), nullable=False),
    sa.Index("ci_ix_session_user", "user_id", "expires_at"),
    **OPTIONS)


def upgrade() -> None:
    """Make the table."""
    create_table(SESSION)


def downgrade() -> None:
    """Drop the table; its readers log in again."""
    drop_table(SESSION.name)
