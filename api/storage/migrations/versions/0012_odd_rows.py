"""What of a run cannot be read from the platform's rows; and branches whose names end in spaces, told apart on every database."""
from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.storage.column_types import END
from api.storage.migrations.steps import columns_of

revision = "0012"
down_revision = "0011"

COLUMN = "altered"


def upgrade() -> None:
    """Add the column, and mark the ends of names that end in a space."""
    if COLUMN not in columns_of("ci_run"):
        op.add_column("ci_run", sa.Column(COLUMN, sa.String(length=100)))
    for table in _tables():
        branch = table.c.branch
        op.execute(table.update().where(branch.like("% ")).values(branch=sa.func.substr(branch, 1, 254).concat(END)))


def downgrade() -> None:
    """Drop the column, and take the marks away."""
    for table in _tables():
        branch = table.c.branch
        unmarked = sa.func.substr(branch, 1, sa.func.char_length(branch) - 1)
        op.execute(table.update().where(branch.like(f"% {END}")).values(branch=unmarked))
    if COLUMN in columns_of("ci_run"):
        op.drop_column("ci_run", COLUMN)


def _tables() -> list[sa.TableClause]:
    return [sa.table(name, sa.column("branch", sa.String)) for name in ("ci_run", "ci_history")]
