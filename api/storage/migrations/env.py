"""Alembic's entry point: runs the steps on the connection that `schema.migrate` passes."""
from __future__ import annotations

from alembic import context

from api.storage.tables.schema import OWN_TABLES

context.configure(
    connection=context.config.attributes["connection"], target_metadata=OWN_TABLES[0].metadata, version_table="ci_schema_version",
    transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
