"""The tables that are this server's own, and what a migration added to the platform's."""
from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from api.storage.database import Base
from api.storage.platform_tables import PLATFORM_TABLES
from api.storage.tables.columns import OWN


class PlatformAdditionRow(Base):
    """A table or column of the platform's schema that a migration had to add, so that a downgrade takes away just that."""

    __tablename__ = "ci_platform_addition"
    __table_args__ = (OWN,)

    name: Mapped[str] = mapped_column(String(100), primary_key=True)


OWN_TABLES = tuple(table for table in Base.metadata.sorted_tables if table not in PLATFORM_TABLES)
