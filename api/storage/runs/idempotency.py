"""Idempotency keys: the run that each request made, by user, operation and key."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from api.domain.errors import Unprocessable
from api.storage.database import TransactionConflict, session
from api.storage.tables.runs import IdempotencyKeyRow

VALID_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class RequestKey:
    """Identifies a repeated request: the user, the operation, the key, and the SHA-256 (hex) of the body."""

    user_id: int
    operation: str
    key: str
    body_digest: str


def find_answered_run(request: RequestKey, now: datetime) -> int | None:
    """Within a transaction: find the id of the run that this request made within the last 24 hours. Returns None if it made none.

    Raises Unprocessable if the key was used with another body.
    """
    session().execute(delete(IdempotencyKeyRow).where(IdempotencyKeyRow.created_at < now - VALID_FOR))
    row = session().get(IdempotencyKeyRow, (request.user_id, request.operation, request.key), with_for_update=True)
    if row is None:
        return None
    if row.body_digest != request.body_digest:
        raise Unprocessable(
            "This Idempotency-Key was used with another request.", {"header": "Idempotency-Key"},
            remedy="Use a new key for a new request.")
    return row.run_id


def record_answer(request: RequestKey, run_id: int, now: datetime) -> None:
    """Within the transaction that made the run: store that this request made it.

    Raises TransactionConflict if the same request, sent a second time, was stored first.
    """
    row = IdempotencyKeyRow(
        user_id=request.user_id, operation=request.operation, key=request.key, body_digest=request.body_digest, run_id=run_id,
        created_at=now)
    try:
        with session().begin_nested():
            session().add(row)
    except IntegrityError as twin:
        raise TransactionConflict from twin
