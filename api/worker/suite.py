"""Reads the tests of a run, as the server tells them; one that could lead a worker astray is not executed."""
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from api.domain.runs.worker_suite import REPORT, SuiteFile, SuiteTest, UnusableTest

INPUT_TYPES = frozenset({"file", "stdin", "udp"})
OUTPUT_TYPES = frozenset({"file", "null", "tcp", "cea708", "multiprogram", "stdout", REPORT})

_PLAIN_NAME = re.compile(r"[^/\\:\x00-\x1f\x7f]{1,255}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class _Unusable(Exception):
    """Why a test cannot be used."""


def read_suite(tests: Iterable[Mapping[str, Any]]) -> tuple[SuiteTest | UnusableTest, ...]:
    """The tests."""
    return tuple(map(_read, tests))


def _read(test: Mapping[str, Any]) -> SuiteTest | UnusableTest:
    try:
        return _test(test)
    except _Unusable as why:
        return UnusableTest(test["regression_id"], f"Regression test {test['regression_id']} cannot be used: {why}")


def _test(test: Mapping[str, Any]) -> SuiteTest:
    return SuiteTest(
        test["regression_id"], test["category"], test["command"],
        _one_of(test["input_type"], INPUT_TYPES, "input type"), _one_of(test["output_type"], OUTPUT_TYPES, "output type"),
        _digest(test["sample_sha256"]), _plain_name(test["sample_name"], "a sample"),
        tuple(
            SuiteFile(file["output_id"], file["baseline_sha256"], _plain_name(file["name"], "an output"), file["ignored"])
            for file in test["outputs"]))


def _digest(text: str) -> str:
    if _DIGEST.fullmatch(text.lower()) is None:
        raise _Unusable("the hash of a sample is no SHA-256.")
    return text.lower()


def _plain_name(name: str, what: str) -> str:
    if _PLAIN_NAME.fullmatch(name) is None or name in (".", "..") or len(name.encode(errors="replace")) > 255:
        raise _Unusable(f"the name of {what} is not a plain file name.")
    return name


def _one_of(value: str, allowed: frozenset[str], what: str) -> str:
    if value not in allowed:
        raise _Unusable(f"an unknown {what}.")
    return value
