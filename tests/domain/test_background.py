"""Tasks between requests: how long they rest after failures, and what the health of the system says of them."""
from __future__ import annotations

import pytest

from api.domain.background import MIN_OVERDUE, TaskState, dependency_of, overdue_after, pause_after
from api.domain.health import Dependency


def state(*, age: float = 0, in_row: int = 0, is_overdue: bool = False) -> TaskState:
    return TaskState("sync", age, None, in_row, in_row, is_overdue)


def test_each_failure_doubles_the_pause_up_to_the_longest() -> None:
    assert [pause_after(number, first=1, max_pause=60) for number in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_the_pause_is_a_number_after_any_number_of_failures() -> None:
    assert pause_after(10 ** 9, first=0.5, max_pause=60) == 60


@pytest.mark.parametrize(("every", "seconds"), [(None, MIN_OVERDUE), (0.5, MIN_OVERDUE), (30, 90), (600, 1800)])
def test_a_task_is_overdue_after_several_periods_but_not_within_a_minute(every: float | None, seconds: float) -> None:
    assert overdue_after(every) == seconds


@pytest.mark.parametrize(("of", "shown"), [
    (state(age=5000, in_row=9), Dependency("background_sync", "ok")),
    (state(age=91.4, in_row=4, is_overdue=True),
     Dependency("background_sync", "degraded", "No success for 91 seconds; 4 failures in a row.")),
    (state(age=300, is_overdue=True),
     Dependency("background_sync", "degraded", "No success for 300 seconds; it does not come to an end."))])
def test_a_task_that_is_overdue_makes_the_system_degraded_and_never_down(of: TaskState, shown: Dependency) -> None:
    assert dependency_of(of) == shown
