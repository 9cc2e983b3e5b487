"""Telling that the database cannot be had just now from a statement that is wrong."""
from __future__ import annotations

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from api.storage.database import DEADLOCK_CODES, Raced


def is_outage(raised: BaseException) -> bool:
    """Whether the same request may well succeed a moment later: no connection, a lost one, or others that were always first."""
    if isinstance(raised, NoConnectionFree | Raced):
        return True
    if not isinstance(raised, DBAPIError):
        return False
    # Without a statement, it was the connection itself that could not be made.
    code = next(iter(getattr(raised.orig, "args", ())), None)
    return raised.connection_invalidated or raised.statement is None or code in DEADLOCK_CODES or "database is locked" in str(code)
