"""The current definitions of regression tests."""
from __future__ import annotations

from dataclasses import dataclass

from api.domain.runs.expected_tests import ExpectedTest


@dataclass(frozen=True, slots=True)
class RegressionTest:
    """A regression test as a run made now would execute it, with its sample's tags; inactive ones are left out of new runs."""

    definition: ExpectedTest
    active: bool
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RegressionTestFilter:
    """What a list of regression tests is narrowed to; None asks for nothing. ASCII case is ignored in texts."""

    active: bool | None = None
    category: str | None = None
    tag: str | None = None
    sample_id: int | None = None
