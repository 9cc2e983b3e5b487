"""The progress of a run, which only moves forward."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from api.domain.instant import NO_INSTANT
from api.domain.runs.run import Phase, ProgressEvent

# All of a run's events are looked at with each one that is reported: a worker that tells of more than these is told no.
MAX_EVENTS = 1000
STAGES = {Phase.PREPARATION: 0, Phase.TESTING: 1, Phase.COMPLETED: 2, Phase.CANCELED: 2}


class Advance(StrEnum):
    """What becomes of a reported phase."""

    STORED = "stored"
    REPEATED = "repeated"
    REFUSED = "refused"


class LateEventKind(StrEnum):
    """What can happen to a run after its end."""

    LOG_REPLACED = "log_replaced"
    JUDGED_ANEW = "judged_anew"


LATE_WORDS = {
    LateEventKind.LOG_REPLACED: "The log was replaced.",
    LateEventKind.JUDGED_ANEW: "The results were judged anew, by newer rules, and came out otherwise."}


def with_late_events(events: Sequence[ProgressEvent], late: Sequence[tuple[LateEventKind, datetime]]) -> tuple[ProgressEvent, ...]:
    """The events of a run, and behind its end what happened to it since, with the status that it ended with.

    What happened before the platform restarted the run is of its earlier life, and left out.
    """
    if not events or not events[-1].phase.is_finished:
        return tuple(events)
    end = events[-1]
    return (*events, *(ProgressEvent(end.event_id, end.phase, at, LATE_WORDS[kind]) for kind, at in late if at >= end.at))


@dataclass(frozen=True, slots=True)
class Timeline:
    """When a run started testing, when it ended, its newest phase and event; None for what has not happened.

    `altered` names the times that are None although it did happen, at a time that cannot be read.
    """

    phase: Phase | None
    last_event_id: int | None
    started_at: datetime | None
    completed_at: datetime | None
    altered: tuple[str, ...] = ()


def dated(events: Sequence[ProgressEvent]) -> list[ProgressEvent]:
    """The events of a run in their order, those whose time cannot be read with the time of a neighbour: the one before, if any can."""
    readable = [event.at for event in events if event.at != NO_INSTANT]
    at = readable[0] if readable else NO_INSTANT
    placed = []
    for event in events:
        at = event.at if event.at != NO_INSTANT else at
        placed.append(event if event.at != NO_INSTANT else replace(event, at=at, dated=False))
    return placed


def advance(events: Sequence[ProgressEvent], phase: Phase, message: str) -> Advance:
    """Decide on a phase that a worker reports, given the run's events in their order.

    The same phase with the same words is a repeat; an earlier phase, anything after the end, and anything but the end of a run that has
    MAX_EVENTS, is refused.
    """
    if any(event.phase is phase and event.message == message for event in events):
        return Advance.REPEATED
    if len(events) >= MAX_EVENTS and not phase.is_finished:
        return Advance.REFUSED
    newest = events[-1].phase if events else None
    if newest is not None and (newest.is_finished or STAGES[phase] < STAGES[newest]):
        return Advance.REFUSED
    return Advance.STORED


def timeline(events: Sequence[ProgressEvent]) -> Timeline:
    """The times of a run, from its events in their order (ascending id)."""
    if not events:
        return Timeline(None, None, None, None)
    newest = events[-1]
    marks = {
        "started_at": next((event for event in events if event.phase is Phase.TESTING), None),
        "completed_at": newest if newest.phase.is_finished else None}
    started, completed = (event.at if event is not None and event.dated else None for event in marks.values())
    altered = tuple(name for name, event in marks.items() if event is not None and not event.dated)
    return Timeline(newest.phase, newest.event_id, started, completed, altered)
