"""The tables of the job service."""
from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from api.storage.database import Base
from api.storage.tables.columns import OWN, Exact, LongBytes


class JobRow(Base):
    """A job. `fence` grows with every claim and every loss; a result that carries an older one is worth nothing.

    `attempt_fence` is the one that the newest attempt was claimed under, by which its files are found. `kept_bytes` is what its zip, log
    and artifacts take, until they are removed with their age. `zip_sha256` and `zip_bytes` are the zip's.
    """

    __tablename__ = "ci_job"
    __table_args__ = (
        Index("ci_ix_job_queue", "status", "priority", "created_at"),
        Index("ci_ix_job_owner", "owner_id", "status", "created_at"),
        Index("ci_ix_job_created", "created_at", "id"),
        Index("ci_ix_job_project", "project", "created_at"),
        OWN,
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    status: Mapped[str] = mapped_column(String(20))
    success: Mapped[bool | None]
    reason: Mapped[str | None] = mapped_column(String(30))
    exit_code: Mapped[int | None]
    priority: Mapped[int]
    attempt: Mapped[int]
    max_attempts: Mapped[int]
    fence: Mapped[int]
    attempt_fence: Mapped[int]
    agent: Mapped[str | None] = mapped_column(String(100))
    lease_until: Mapped[datetime | None] = mapped_column(Exact, index=True)
    cancel_requested: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(Exact)
    start_time: Mapped[datetime | None] = mapped_column(Exact)
    end_time: Mapped[datetime | None] = mapped_column(Exact)
    web_hook: Mapped[str | None] = mapped_column(Text)
    orders: Mapped[str | None] = mapped_column(Text)
    refused: Mapped[int] = mapped_column(default=0, server_default="0")
    project: Mapped[str | None] = mapped_column(String(100))
    commit: Mapped[str | None] = mapped_column("commit_id", String(65))
    branch: Mapped[str | None] = mapped_column(String(255))
    label: Mapped[str | None] = mapped_column(String(100))
    rerun_of: Mapped[str | None] = mapped_column(String(36))
    repeat_reason: Mapped[str | None] = mapped_column(String(30))
    tests: Mapped[int | None]
    failed_tests: Mapped[int | None]
    kept_bytes: Mapped[int | None] = mapped_column(BigInteger)
    zip_sha256: Mapped[str | None] = mapped_column(String(64))
    zip_bytes: Mapped[int | None] = mapped_column(BigInteger)


class JobLogRow(Base):
    """A part of the log of an attempt, of which `start` bytes come before: its bytes, or null where they are in the bucket.

    Only the last part of a log grows, and only while its bytes are here. Where servers share a disk there is none.
    """

    __tablename__ = "ci_job_log"
    __table_args__ = (Index("ci_ix_job_log_here", "is_stored", "job_id", "fence", "attempt", "size"), OWN)

    job_id: Mapped[str] = mapped_column(ForeignKey("ci_job.id", ondelete="CASCADE"), primary_key=True)
    fence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    start: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    attempt: Mapped[int]
    size: Mapped[int] = mapped_column(BigInteger)
    is_stored: Mapped[bool]
    content: Mapped[bytes | None] = mapped_column(LongBytes)


class WebhookRow(Base):
    """A webhook that is still to be delivered, no earlier than `due_at`."""

    __tablename__ = "ci_job_webhook"
    __table_args__ = (OWN,)

    job_id: Mapped[str] = mapped_column(ForeignKey("ci_job.id", ondelete="CASCADE"), primary_key=True)
    attempts: Mapped[int]
    due_at: Mapped[datetime] = mapped_column(Exact, index=True)


class AgentRow(Base):
    """An agent: what it runs jobs in, null without a sandbox, what that does not hold back, as a JSON list, and when it was last heard."""

    __tablename__ = "ci_agent"
    __table_args__ = (OWN,)

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    sandbox: Mapped[str | None] = mapped_column(String(30))
    trouble: Mapped[str | None] = mapped_column(Text)
    missing: Mapped[str] = mapped_column(Text)
    slots: Mapped[int]
    running: Mapped[int]
    seen_at: Mapped[datetime] = mapped_column(Exact, index=True)
