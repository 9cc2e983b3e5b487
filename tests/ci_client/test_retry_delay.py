"""Pauses between attempts."""
from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ci_client.retry_delay import Backoff, RetryPolicy


@settings(deadline=None)
@given(first=st.floats(0, 60), at_least=st.floats(0, 60), jitter=st.floats(0, 1), give_up_after=st.floats(0, 1000))
def test_attempts_end_with_the_timeout_and_none_comes_too_early(first: float, at_least: float, jitter: float, give_up_after: float) -> None:
    now = [0.0]
    back_off = Backoff(RetryPolicy(give_up_after, clock=lambda: now[0], sleep=lambda seconds: None, jitter=lambda: jitter))

    pauses = []
    while (pause := back_off.next_pause(first, at_least)) is not None and len(pauses) < 100:
        pauses.append(pause)
        now[0] += max(pause, 20)

    assert now[0] <= give_up_after + 20
    assert all(pause >= max(first, at_least) for pause in pauses)


def test_once_something_is_heard_pauses_are_short_again() -> None:
    back_off = Backoff(RetryPolicy(clock=lambda: 0.0, jitter=lambda: 0.0))

    before = [back_off.next_pause(1.0) for _ in range(3)]
    back_off.succeeded()

    assert (before, back_off.next_pause(1.0)) == ([1, 2, 4], 1)


def test_who_is_only_reached_gets_more_time_but_no_shorter_pauses() -> None:
    now = [0.0]
    back_off = Backoff(RetryPolicy(10, clock=lambda: now[0], jitter=lambda: 0.0))

    back_off.next_pause(4.0)
    now[0] = 9.0
    back_off.reached()

    assert back_off.next_pause(4.0) == 8
