"""How a run's progress moves, and what its times are."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.instant import LAST, NO_INSTANT, is_shown
from api.domain.runs.progress import (
    LATE_WORDS,
    MAX_EVENTS,
    STAGES,
    Advance,
    LateEventKind,
    Timeline,
    advance,
    dated,
    timeline,
    with_late_events,
)
from api.domain.runs.run import Phase, ProgressEvent

START = datetime(2026, 1, 1, tzinfo=UTC)


def events_of(*told: tuple[Phase, str]) -> list[ProgressEvent]:
    return [
        ProgressEvent(number, phase, START + timedelta(seconds=number), message) for number, (phase, message) in enumerate(told, 1)]


PREPARING, TESTING, ENDED = (Phase.PREPARATION, "a"), (Phase.TESTING, "b"), (Phase.COMPLETED, "c")


@pytest.mark.parametrize(("told", "phase", "message", "becomes"), [
    ([], Phase.PREPARATION, "a", Advance.STORED), ([], Phase.COMPLETED, "a", Advance.STORED),
    ([PREPARING], Phase.PREPARATION, "a", Advance.REPEATED), ([PREPARING], Phase.PREPARATION, "again", Advance.STORED),
    ([PREPARING, TESTING], Phase.PREPARATION, "a", Advance.REPEATED), ([TESTING], Phase.PREPARATION, "a", Advance.REFUSED),
    ([PREPARING, ENDED], Phase.COMPLETED, "c", Advance.REPEATED), ([PREPARING, ENDED], Phase.COMPLETED, "other", Advance.REFUSED),
    ([ENDED], Phase.CANCELED, "c", Advance.REFUSED), ([PREPARING], Phase.CANCELED, "", Advance.STORED),
])
def test_a_phase_is_stored_a_repeat_or_refused(
    told: list[tuple[Phase, str]], phase: Phase, message: str, becomes: Advance,
) -> None:
    assert advance(events_of(*told), phase, message) is becomes


def test_a_run_has_so_many_events_and_its_end() -> None:
    told = [(Phase.TESTING, str(number)) for number in range(MAX_EVENTS)]

    assert advance(events_of(*told[:-1]), Phase.TESTING, "one more") is Advance.STORED
    assert advance(events_of(*told), Phase.TESTING, "one more") is Advance.REFUSED
    assert advance(events_of(*told), Phase.TESTING, "7") is Advance.REPEATED
    assert advance(events_of(*told), *ENDED) is Advance.STORED


@given(st.lists(st.tuples(st.sampled_from(Phase), st.sampled_from("ab")), max_size=20))
def test_whatever_workers_report_a_run_never_goes_back_and_ends_once(reports: list[tuple[Phase, str]]) -> None:
    stored: list[tuple[Phase, str]] = []

    for phase, message in reports:
        if advance(events_of(*stored), phase, message) is Advance.STORED:
            stored.append((phase, message))

    stages = [STAGES[phase] for phase, _ in stored]
    assert stages == sorted(stages)
    assert not any(phase.is_finished for phase, _ in stored[:-1])
    assert len(stored) == len(set(stored))


@given(st.lists(st.tuples(st.sampled_from(Phase), st.sampled_from("ab")), max_size=8))
def test_what_was_told_once_is_a_repeat_for_ever(told: list[tuple[Phase, str]]) -> None:
    assert {advance(events_of(*told), *each) for each in told} <= {Advance.REPEATED}


@pytest.mark.parametrize(("told", "times"), [
    ([], Timeline(None, None, None, None)),
    ([PREPARING], Timeline(Phase.PREPARATION, 1, None, None)),
    ([PREPARING, TESTING, (Phase.TESTING, "still")], Timeline(Phase.TESTING, 3, START + timedelta(seconds=2), None)),
    ([TESTING, ENDED], Timeline(Phase.COMPLETED, 2, START + timedelta(seconds=1), START + timedelta(seconds=2))),
    ([(Phase.CANCELED, "")], Timeline(Phase.CANCELED, 1, None, START + timedelta(seconds=1))),
])
def test_a_run_starts_with_its_first_testing_and_ends_with_its_last_event(told: list[tuple[Phase, str]], times: Timeline) -> None:
    assert timeline(events_of(*told)) == times


def test_what_happens_after_an_end_stands_behind_it_with_its_status() -> None:
    ended = events_of(PREPARING, ENDED)
    late = [(LateEventKind.LOG_REPLACED, START), (LateEventKind.LOG_REPLACED, START + timedelta(hours=1))]

    shown = with_late_events(ended, late)

    assert shown == (*ended, ProgressEvent(ended[-1].event_id, Phase.COMPLETED, START + timedelta(hours=1), "The log was replaced."))
    assert set(LATE_WORDS) == set(LateEventKind)


@pytest.mark.parametrize("told", [(), (PREPARING,), (ENDED, TESTING)])
def test_a_run_that_is_not_over_shows_none_of_it(told: tuple[tuple[Phase, str], ...]) -> None:
    events = events_of(*told)

    assert with_late_events(events, [(LateEventKind.LOG_REPLACED, START + timedelta(hours=1))]) == tuple(events)


@pytest.mark.parametrize(("told", "shown"), [
    ([None, 1, None, 2, None], [1, 1, 1, 2, 2]), ([None, None], [None, None]), ([], []), ([3, 1], [3, 1]),
])
def test_an_event_whose_time_cannot_be_read_has_that_of_a_neighbour(told: list[int | None], shown: list[int | None]) -> None:
    def at(second: int | None) -> datetime:
        return NO_INSTANT if second is None else START + timedelta(seconds=second)

    events = [ProgressEvent(number, Phase.TESTING, at(second), "") for number, second in enumerate(told)]

    placed = dated(events)

    assert [event.at for event in placed] == [at(second) for second in shown]
    assert [event.dated for event in placed] == [second is not None for second in told]


@pytest.mark.parametrize(("instant", "taken"), [
    (NO_INSTANT, False), (START, True), (LAST, True), (LAST + timedelta(microseconds=1), False), (datetime(1, 1, 1, tzinfo=UTC), False)])
def test_an_instant_is_taken_that_a_client_can_read(instant: datetime, taken: bool) -> None:
    assert is_shown(instant) == taken
