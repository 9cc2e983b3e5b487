"""Errors and their groups as JSON."""
from __future__ import annotations

from typing import Any

from api.domain.display_bounds import cut, cut_optional
from api.domain.results.error import ErrorGroup, ErrorItem, Location
from api.domain.runs.infrastructure import Coverage
from api.rendering.runs import marked

Json = dict[str, Any]

STACK_LIMIT, SAMPLE_LIMIT = 50, 1000


def error_item(run_id: int, item: ErrorItem, *, with_stack: bool = False) -> Json:
    """One thing that went wrong; of a stack that is too long, its end, where the reason stands."""
    stored: Json = {"message": item.message, "location": _location(item.location, None)}
    shown: Json = {"message": cut(item.message, 1000), "location": _location(item.location, 255)}
    if with_stack:
        stored["stack"] = list(item.stack)
        shown["stack"] = [cut(line, 2000) for line in item.stack[-STACK_LIMIT:]]
    if item.coverage is not None:
        stored["details"] = _details(item.coverage, item.log_line)
        shown["details"] = _details(item.coverage, cut_optional(item.log_line, 1000))
    return marked(stored, shown) | _code(item.code) | {
        "error_id": item.error_id, "run_id": run_id, "sample_id": item.sample_id, "regression_id": item.regression_id,
        "type": item.type, "severity": item.severity.value, "attribution": item.attribution.value, "occurred_at": item.occurred_at}


def _code(code: str | None) -> Json:
    return {} if code is None else {"code": code}


def _details(coverage: Coverage, log_line: str | None) -> Json:
    return {"tests_executed": coverage.executed, "tests_expected": coverage.expected, "log_line": log_line}


def _location(place: Location | None, length: int | None) -> Json | None:
    if place is None:
        return None
    return {"output_id": place.output_id, "filename": place.filename if length is None else cut(place.filename, length)}


def error_group(group: ErrorGroup) -> Json:
    """Errors that have something in common."""
    stored = {"key": group.key, "sample_ids": list(group.sample_ids)}
    shown = {"key": cut(group.key, 100), "sample_ids": list(group.sample_ids[:SAMPLE_LIMIT])}
    return marked(stored, shown) | {
        "count": len(group.items), "severity": group.severity.value, "sample_ids_total": len(group.sample_ids),
        "first_seen_at": group.first_seen_at, "last_seen_at": group.last_seen_at}
