"""Histories: what a filter lets through, and runtimes as series."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from api.domain.results.history import HistoryEntry, HistoryFilter, RuntimeSeries, runtime_series
from api.domain.results.result import Verdict
from api.domain.runs.run import Platform, RunStatus

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def entry(run_id: int, runtime_ms: int | None, *, platform: Platform = Platform.LINUX, environment_id: str | None = None) -> HistoryEntry:
    return HistoryEntry(
        run_id, 42, NOW, RunStatus.PASS, "c" * 40, None, platform, Verdict.PASS, runtime_ms, None, environment_id=environment_id)


def test_runtimes_are_a_series_for_each_kind_of_machine_oldest_first() -> None:
    found = runtime_series([
        entry(9, 130), entry(8, None), entry(7, 30, platform=Platform.WINDOWS), entry(6, 100), entry(5, 90, environment_id="fast"),
        entry(4, 110), entry(3, -1)])

    assert found == (
        RuntimeSeries(42, Platform.LINUX, None, (3, 4, 6, 9), (0, 110, 100, 130)),
        RuntimeSeries(42, Platform.LINUX, "fast", (5,), (90,)),
        RuntimeSeries(42, Platform.WINDOWS, None, (7,), (30,)))
    assert (found[0].median_ms, found[0].deviation_ms) == (105, 15)
    assert runtime_series([]) == ()


@pytest.mark.parametrize(("wanted", "matches"), [
    (HistoryFilter(), True), (HistoryFilter(verdict=Verdict.PASS, platform=Platform.LINUX, regression_id=42), True),
    (HistoryFilter(verdict=Verdict.FAIL), False), (HistoryFilter(branch="master"), False),
    (HistoryFilter(run_status=RunStatus.FAIL), False),
    (HistoryFilter(created_after=NOW), False), (HistoryFilter(created_before=NOW), False),
    (HistoryFilter(created_after=NOW - timedelta(1), created_before=NOW + timedelta(1)), True),
])
def test_a_filter_lets_through_what_it_asks_for(wanted: HistoryFilter, matches: bool) -> None:
    assert wanted.matches(entry(9, 130)) is matches
