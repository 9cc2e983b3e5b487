"""The tables of the library of samples and regression tests."""
from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from api.storage.database import Base
from api.storage.platform_tables import AnyText
from api.storage.tables.columns import OWN, Exact, LongText


class SampleNoteRow(Base):
    """What people wrote about a sample of which the platform has no upload, where it would stand otherwise."""

    __tablename__ = "ci_sample_note"
    __table_args__ = (OWN,)

    sample_id: Mapped[int] = mapped_column(ForeignKey("sample.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    notes: Mapped[str] = mapped_column(AnyText)


class PendingMediaInfoRow(Base):
    """A sample whose media info is to be made, no earlier than `due_at`."""

    __tablename__ = "ci_pending_media_info"
    __table_args__ = (OWN,)

    sample_id: Mapped[int] = mapped_column(ForeignKey("sample.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    attempts: Mapped[int]
    due_at: Mapped[datetime] = mapped_column(Exact, index=True)


class LibraryChangeRow(Base):
    """Somebody made, changed or deleted a thing of the library. `before` and `after` are JSON objects of the values that changed.

    It outlives what it tells of.
    """

    __tablename__ = "ci_library_change"
    __table_args__ = (Index("ci_ix_library_change_subject", "kind", "subject_id", "id"), OWN)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    subject_id: Mapped[int]
    action: Mapped[str] = mapped_column(String(20))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"), index=True)
    changed_by: Mapped[str] = mapped_column(String(255))
    changed_at: Mapped[datetime] = mapped_column(Exact)
    before: Mapped[str] = mapped_column(LongText)
    after: Mapped[str] = mapped_column(LongText)
