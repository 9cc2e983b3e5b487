"""The number that an account's user has at GitHub: a login can be given up, and become somebody else's."""
from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.storage.migrations.steps import columns_of

revision = "0011"
down_revision = "0010"

TABLE = "ci_account"
COLUMNS = (("github_number", sa.BigInteger()), ("github_login", sa.String(255)))


def upgrade() -> None:
    """Add the columns; nothing is known of the logins that there are."""
    for name, kind in COLUMNS:
        if name not in columns_of(TABLE):
            op.add_column(TABLE, sa.Column(name, kind))


def downgrade() -> None:
    """Drop them."""
    for name, _ in reversed(COLUMNS):
        if name in columns_of(TABLE):
            op.drop_column(TABLE, name)
