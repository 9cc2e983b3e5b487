"""Progress events of runs, and who or what made this server write one."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, select

from api.domain.runs.infrastructure import EventOrigin
from api.domain.runs.infrastructure_code import InfrastructureCode, InfrastructureType
from api.domain.runs.progress import LateEventKind, dated
from api.domain.runs.run import Phase, ProgressEvent
from api.storage.database import add_free_text, session
from api.storage.platform_tables import ProgressRow
from api.storage.tables.runs import EventOriginRow, LateEventRow, RunRow


def list_events(run_id: int) -> tuple[ProgressEvent, ...]:
    """The events of a run, oldest first."""
    return tuple(events_of([run_id]).get(run_id, ()))


def events_of(run_ids: Collection[int]) -> Mapping[int, Sequence[ProgressEvent]]:
    """The events of these runs, by run id, oldest first. Rows whose status is no phase are left out."""
    found: defaultdict[int, list[ProgressEvent]] = defaultdict(list)
    rows = session().execute(
        select(ProgressRow.test_id, ProgressRow.id, ProgressRow.status, ProgressRow.timestamp, ProgressRow.message)
        .where(ProgressRow.test_id.in_(run_ids)).order_by(ProgressRow.id))
    for run_id, event_id, phase, at, message in rows:
        if phase is not None:
            found[run_id].append(ProgressEvent(event_id, phase, at, message))
    return {run_id: dated(events) for run_id, events in found.items()}


def record_event(run_id: int, phase: Phase, message: str, *, at: datetime, origin: EventOrigin | None = None) -> int:
    """Write an event, and its origin if one is given. Returns the event's id."""
    row = ProgressRow(test_id=run_id, status=phase, timestamp=at, message=message)
    add_free_text(row, "message")
    if origin is not None:
        session().add(EventOriginRow(event_id=row.id, type=origin.type, code=origin.code, stack="\n".join(origin.stack) or None))
        session().flush()
    return row.id


def origins_of(event_ids: Collection[int]) -> dict[int, EventOrigin]:
    """The origins of these events, by event id. Events that have none, such as the platform's, are left out."""
    rows = session().execute(
        select(EventOriginRow.event_id, EventOriginRow.type, EventOriginRow.stack, EventOriginRow.code)
        .where(EventOriginRow.event_id.in_(event_ids)))
    return {
        event_id: EventOrigin(
            None if kind is None else InfrastructureType(kind), tuple((stack or "").splitlines()),
            None if code is None else InfrastructureCode[code])
        for event_id, kind, stack, code in rows}


def record_late_event(run_id: int, kind: LateEventKind, at: datetime) -> None:
    """Write what happened to a run after its end."""
    session().add(LateEventRow(run_id=run_id, kind=kind.value, happened_at=at))
    session().flush()


def has_late_event(run_id: int, kind: LateEventKind) -> bool:
    """Whether something of this kind happened to a run since its end."""
    found = select(LateEventRow.id).join(RunRow, RunRow.run_id == LateEventRow.run_id).where(
        LateEventRow.run_id == run_id, LateEventRow.kind == kind.value, LateEventRow.happened_at >= RunRow.completed_at).limit(1)
    return session().execute(found).first() is not None


def count_late_events(kind: LateEventKind) -> int:
    """The number of late events of this kind, over all runs."""
    return session().execute(select(func.count()).where(LateEventRow.kind == kind.value)).scalar_one()


def list_late_events(run_id: int) -> list[tuple[LateEventKind, datetime]]:
    """What happened to a run after its end, with the time, oldest first."""
    rows = session().execute(
        select(LateEventRow.kind, LateEventRow.happened_at).where(LateEventRow.run_id == run_id).order_by(LateEventRow.id))
    return [(LateEventKind(kind), at) for kind, at in rows]
