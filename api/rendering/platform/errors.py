"""Errors, their groups, and signatures of failures as the platform words them."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from api.domain.display_bounds import cut
from api.domain.results.error import KEYS, ErrorGroup, ErrorItem, Grouping
from api.domain.results.failure import Failure
from api.domain.results.failure_code import FailureCode, FailureType

Json = dict[str, Any]

FAILURE_CODES = {code.value: code for code in FailureCode}
STACK_LIMIT, SAMPLE_LIMIT = 50, 1000


def worded(run_id: int, failure: Failure, item: ErrorItem) -> ErrorItem:
    """A test's error in the platform's words, which knows a crash by its exit code alone."""
    regression_id, output_id = failure.regression_id, failure.output_id
    kind = _type_of(failure.code)
    match kind:
        case FailureType.MISSING_OUTPUT:
            name, words = f"missing_{output_id}", f"Regression test {regression_id} produced no output for expected file {output_id}"
        case FailureType.DIFF_MISMATCH:
            name, words = str(output_id), f"Output differs from expected for regression test {regression_id}, output {output_id}"
        case _:
            name = "rc"
            words = f"Exit code {failure.exit_code} != expected {failure.expected_exit_code} for regression test {regression_id}"
    return replace(item, error_id=f"err_{run_id}_{regression_id}_{name}", type=kind.value, severity=kind.severity, message=words)


def _type_of(code: FailureCode) -> FailureType:
    return FailureType.EXIT_CODE_MISMATCH if code.type is FailureType.TEST_FAILURE else code.type


def signature(text: str | None) -> str | None:
    """The signature of a failure, `OUTPUT_DIFF:4:9` as ours, in the platform's words; None stays None."""
    if text is None:
        return None
    word, _, place = text.partition(":")
    kind = _type_of(FAILURE_CODES[word])
    return kind.value if kind is FailureType.EXIT_CODE_MISMATCH else f"{kind.value}:output:{place.rpartition(':')[2]}"


def error_item(run_id: int, item: ErrorItem, *, with_stack: bool = False) -> Json:
    """One thing that went wrong; of a stack that is too long, its end, where the reason stands."""
    stack = {"stack": [cut(line, 2000) for line in item.stack[-STACK_LIMIT:]]} if with_stack else {}
    return {
        "error_id": item.error_id, "run_id": run_id, "sample_id": item.sample_id, "regression_id": item.regression_id, "type": item.type,
        "severity": item.severity.value, "message": cut(item.message, 1000), "occurred_at": item.occurred_at.isoformat()} | stack


def group_errors(items: Iterable[ErrorItem], grouping: Grouping) -> Sequence[ErrorGroup]:
    """The errors in groups, in the order in which the groups come up."""
    groups: dict[str, ErrorGroup] = {}
    for item in items:
        for key in KEYS[grouping](item):
            groups.setdefault(key, ErrorGroup(key)).items.append(item)
    return list(groups.values())


def error_bucket(group: ErrorGroup, grouping: Grouping) -> Json:
    """Errors that have something in common."""
    samples = dict.fromkeys(item.sample_id for item in group.items if item.sample_id is not None)
    return {
        "group_by": grouping.value, "key": cut(group.key, 100), "count": len(group.items), "severity": group.severity.value,
        "sample_ids": list(samples)[:SAMPLE_LIMIT], "first_seen_at": group.first_seen_at.isoformat(),
        "last_seen_at": group.last_seen_at.isoformat()}
