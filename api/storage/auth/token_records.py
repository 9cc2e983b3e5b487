"""All tokens that were issued, those that are over included."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from api.domain.auth.token import TokenRecord, parse_scopes
from api.domain.page import Page
from api.storage.column_types import is_id
from api.storage.database import session
from api.storage.platform_tables import TokenRow


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token, whose it is, and when it was revoked; None for one that was not."""

    record: TokenRecord
    user_id: int
    revoked_at: datetime | None


def list_issued_tokens(user_id: int | None, *, limit: int, offset: int) -> Page[IssuedToken]:
    """A page of a user's tokens, or of everybody's, newest first."""
    wanted = [is_id(TokenRow.id), is_id(TokenRow.user_id), *([] if user_id is None else [TokenRow.user_id == user_id])]
    total = session().execute(select(func.count()).select_from(TokenRow).where(*wanted)).scalar_one()
    rows = session().execute(
        select(TokenRow).where(*wanted).order_by(TokenRow.created_at.desc(), TokenRow.id).limit(limit).offset(offset)).scalars()
    return Page([_issued(row) for row in rows], limit, offset, total)


def _issued(row: TokenRow) -> IssuedToken:
    record = TokenRecord(row.id, row.token_name, row.token_prefix, parse_scopes(row.scopes_json), row.created_at, row.expires_at)
    return IssuedToken(record, row.user_id, row.revoked_at)
