"""The table of files on their way to the bucket."""
from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from api.storage.database import Base
from api.storage.tables.columns import OWN, Exact


class PendingUploadRow(Base):
    """A file on the disk that is to go to the bucket, no earlier than `due_at`; `change` grows when it is stored anew."""

    __tablename__ = "ci_pending_upload"
    __table_args__ = (OWN,)

    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    change: Mapped[int]
    attempts: Mapped[int]
    due_at: Mapped[datetime] = mapped_column(Exact, index=True)
