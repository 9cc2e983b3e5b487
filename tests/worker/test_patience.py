"""Requests that are repeated: after which pauses, for how long, and what they end with."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from api.worker.patience import Patience, Retries, ServerDiskFull, ServerUnreachable
from api.worker.run_source import RunClosed, RunSourceUnavailable


@dataclass
class Clock:
    """Time that passes only where somebody waits."""

    now: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def patience(clock: Clock) -> Patience:
    return Patience(Retries(timeout=100, first_pause=1, max_pause=8), clock.pause, clock.monotonic, lambda: 1.0)


def failing(times: int, failure: Exception) -> Callable[[], str]:
    left = [failure] * times

    def request() -> str:
        if left:
            raise left.pop()
        return "taken"

    return request


def test_a_failing_server_is_asked_again_after_growing_pauses(patience: Patience, clock: Clock) -> None:
    assert patience.ask(failing(5, RunSourceUnavailable())) == "taken"

    assert clock.pauses == [1, 2, 4, 8, 8]


@pytest.mark.parametrize(("asked", "waited"), [(17, 17), (0, 1), (170, 100), (float("inf"), 100)])
def test_what_a_server_asks_for_is_waited_within_the_timeout(patience: Patience, clock: Clock, asked: float, waited: float) -> None:
    patience.ask(failing(1, RunSourceUnavailable(retry_after=asked)))

    assert clock.pauses == [waited]


def test_a_server_that_always_asks_for_more_time_is_given_up_once_that_is_used_up(patience: Patience, clock: Clock) -> None:
    with pytest.raises(ServerUnreachable):
        patience.ask(failing(1000, RunSourceUnavailable(retry_after=170)))

    assert clock.pauses == [100] * 37


def test_a_server_that_stays_away_is_given_up(patience: Patience, clock: Clock) -> None:
    with pytest.raises(ServerUnreachable, match=r"^\[web_server\] "):
        patience.ask(failing(1000, RunSourceUnavailable()))

    assert 80 < clock.now <= 100


def test_a_full_disk_is_told_from_a_server_that_is_away_and_no_more_is_waited_for_it(patience: Patience, clock: Clock) -> None:
    with pytest.raises(ServerDiskFull, match=r"^\[storage\] "):
        patience.ask(failing(1000, RunSourceUnavailable(retry_after=60, is_full=True)))

    assert clock.pauses == [60]


def test_what_will_never_be_taken_is_told_at_once(patience: Patience, clock: Clock) -> None:
    with pytest.raises(RunClosed):
        patience.ask(failing(1, RunClosed()))

    assert clock.pauses == []


def test_workers_that_lost_the_server_together_do_not_come_back_together(clock: Clock) -> None:
    fractions = iter([0.0, 0.5, 1.0])
    patience = Patience(Retries(timeout=100, first_pause=8, max_pause=8), clock.pause, clock.monotonic, lambda: next(fractions))

    patience.ask(failing(3, RunSourceUnavailable()))

    assert clock.pauses == [4, 6, 8]
