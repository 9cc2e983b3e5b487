"""What is measured: how long jobs wait."""
from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from api.domain.metrics import QueueMetrics, quantile
from tests.builders import NOW

NOTHING = QueueMetrics(NOW, {}, {}, {}, 0, None, (), (), 0, {})


def test_without_a_waiting_job_nobody_waits() -> None:
    assert NOTHING.max_wait == 0.0


def test_the_longest_wait_is_the_oldest_jobs_and_never_less_than_none() -> None:
    waits = [
        QueueMetrics(NOW, {0: 1}, {}, {}, 0, NOW - timedelta(seconds=seconds), (), (), 0, {}).max_wait for seconds in (90, -5)]

    assert waits == [90.0, 0.0]


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.sampled_from([0.01, 0.5, 0.9, 0.99, 1.0]))
def test_a_quantile_is_one_of_the_values_that_so_many_do_not_exceed(values: list[float], share: float) -> None:
    found = quantile(values, share)

    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)
    assert sum(value < found for value in values) < share * len(values)
