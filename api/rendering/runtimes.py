"""Changes of runtimes as JSON, and the runtimes of a history as series."""
from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from api.domain.display_bounds import cut, cut_optional
from api.domain.results.history import RuntimeSeries
from api.domain.results.runtime import RuntimeChange, RuntimeChanges
from api.specfirst.responses.json_responses import encode

Json = dict[str, Any]

CHANGE_LIMIT = 500
MAX_RUNTIME = 2**63 - 1


def runtime_changes(found: RuntimeChanges, budget: int | None = None) -> Json:
    """What became slower and faster; with a budget in bytes, of what became slower as much as fits, and of the other its number."""
    slower = [_change(each) for each in found.slower[:CHANGE_LIMIT]]
    return {
        "run_count": found.run_count, "judged_count": found.judged_count,
        "suite_ratio": None if found.suite_ratio is None else round(min(found.suite_ratio, 1e9), 3),
        "suite_is_slower": found.suite_is_slower,
        "slower_count": len(found.slower), "slower": slower if budget is None else _fitting(slower, budget),
        "faster_count": len(found.faster), "faster": [_change(each) for each in found.faster[:CHANGE_LIMIT]] if budget is None else []}


def _fitting(entries: Sequence[Json], budget: int) -> list[Json]:
    ends = accumulate(len(encode(entry)) + 1 for entry in entries)
    return [entry for entry, end in zip(entries, ends, strict=True) if end <= budget]


def _change(found: RuntimeChange) -> Json:
    test = found.test.test
    times = {
        "runtime_ms": found.runtime_ms, "median_ms": found.median_ms, "deviation_ms": found.deviation_ms,
        "threshold_ms": found.threshold_ms}
    return {
        "regression_id": test.regression_id, "sample_id": test.sample_id, "category": cut(test.category, 100),
        **{name: min(max(0, value), MAX_RUNTIME) for name, value in times.items()},
        "result_count": found.result_count, "since_run_id": found.since_run_id}


def runtime_series(found: RuntimeSeries) -> Json:
    """Runtimes on one kind of machine, oldest first."""
    return {
        "regression_id": found.regression_id, "platform": found.platform.value, "environment_id": cut_optional(found.environment_id, 100),
        "run_ids": list(found.run_ids), "runtimes_ms": [min(each, MAX_RUNTIME) for each in found.runtimes_ms],
        "median_ms": min(found.median_ms, MAX_RUNTIME), "deviation_ms": min(found.deviation_ms, MAX_RUNTIME)}
