"""Idempotency keys: the run that each request made, by user, operation and key."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from api.domain.errors import Unprocessable
from api.storage.database import TransactionConflict, session
from api.storage.tables import IdempotencyKeyRow

VALID_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class RequestKey:
    """What makes a request the same: who sent it to which operation with which key, and its body's SHA-256 (hex)."""

    user_id: int
    operation: str
    key: str
    body_digest: str


def find_answered_run(request: RequestKey, now: datetime) -> int | None:
    """Within a transaction: the run that this request made within the last 24 hours, or None.

    Raises Unprocessable where the key was used with another body.
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
    """Within the transaction that made the run: keep that this request made it. Raises TransactionConflict where its twin was first."""
    row = IdempotencyKeyRow(
        user_id=request.user_id, operation=request.operation, key=request.key, body_digest=request.body_digest, run_id=run_id,
        created_at=now)
    try:
        with session().begin_nested():
            session().add(row)
    except IntegrityError as twin:
        raise TransactionConflict from twin
