"""The tables of accounts and their sessions."""
from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from api.storage.database import Base
from api.storage.tables.columns import OWN, Exact


class AccountRow(Base):
    """What the platform's account cannot say.

    `github_number` is the user's number at GitHub, known of the login `github_login`: once the platform has linked another
    login, it means nothing any more.
    """

    __tablename__ = "ci_account"
    __table_args__ = (OWN,)

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    disabled: Mapped[bool]
    github_number: Mapped[int | None] = mapped_column(BigInteger)
    github_login: Mapped[str | None] = mapped_column(String(255))


class PasswordFingerprintRow(Base):
    """The fingerprint of its account's password hash that a token was issued under, and dies with."""

    __tablename__ = "ci_password_fingerprint"
    __table_args__ = (OWN,)

    token_id: Mapped[int] = mapped_column(ForeignKey("api_token.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    fingerprint: Mapped[str] = mapped_column(String(64))


class SessionRow(Base):
    """A session of a page's reader, by the digest of its value. It dies with the password and the role that it began under.

    `token_id` is the token that began it; null where a password did.
    """

    __tablename__ = "ci_session"
    __table_args__ = (Index("ci_ix_session_user", "user_id", "expires_at"), OWN)

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    token_id: Mapped[int | None] = mapped_column(ForeignKey("api_token.id", ondelete="CASCADE"), index=True)
    role: Mapped[str | None] = mapped_column(String(20))
    fingerprint: Mapped[str] = mapped_column(String(64))
    scopes_json: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(Exact)
