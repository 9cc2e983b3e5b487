"""Reads the tests of a run, as the server tells them; what could lead a worker astray is refused."""
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from api.domain.runs.infrastructure_code import InfrastructureCode
from api.domain.runs.worker_suite import REPORT, SuiteFile, SuiteTest
from api.worker.run_error import RunError

INPUT_TYPES = frozenset({"file", "stdin", "udp"})
OUTPUT_TYPES = frozenset({"file", "null", "tcp", "cea708", "multiprogram", "stdout", REPORT})

_PLAIN_NAME = re.compile(r"[^/\\:\x00-\x1f\x7f]{1,255}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class SuiteError(RunError):
    """A test is not what a worker may act on."""

    def __init__(self, reason: str) -> None:
        super().__init__(InfrastructureCode.SUITE_INVALID, f"The run's suite cannot be used: {reason}")


def read_suite(tests: Iterable[Mapping[str, Any]]) -> tuple[SuiteTest, ...]:
    """The tests. Raises SuiteError for types that there are none of, and for names that lead out of the folder that they are meant for."""
    return tuple(map(_test, tests))


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
        raise SuiteError("the hash of a sample is no SHA-256.")
    return text.lower()


def _plain_name(name: str, what: str) -> str:
    if _PLAIN_NAME.fullmatch(name) is None or name in (".", "..") or len(name.encode(errors="replace")) > 255:
        raise SuiteError(f"the name of {what} is not a plain file name.")
    return name


def _one_of(value: str, allowed: frozenset[str], what: str) -> str:
    if value not in allowed:
        raise SuiteError(f"an unknown {what}.")
    return value
