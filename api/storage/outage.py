"""Tells an unavailable database from a wrong statement."""
from __future__ import annotations

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from api.storage.database import DEADLOCK_CODES, TransactionConflict
from api.storage.schema_state import SchemaUnknown


def is_outage(raised: BaseException) -> bool:
    """Whether the same request may well succeed later: no connection, a lost one, others that were always first, no schema yet."""
    if isinstance(raised, NoConnectionFree | TransactionConflict | SchemaUnknown):
        return True
    if not isinstance(raised, DBAPIError):
        return False
    # Without a statement, it was the connection itself that could not be made.
    code = next(iter(getattr(raised.orig, "args", ())), None)
    return raised.connection_invalidated or raised.statement is None or code in DEADLOCK_CODES or "database is locked" in str(code)
