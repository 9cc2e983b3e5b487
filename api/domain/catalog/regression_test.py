"""The current definitions of regression tests."""
from __future__ import annotations

from dataclasses import dataclass

from api.domain.catalog.sample import is_named, is_tagged
from api.domain.runs.expected_tests import ExpectedTest


@dataclass(frozen=True, slots=True)
class RegressionTest:
    """A regression test as a run made now would execute it, with its sample's tags; inactive ones are left out of new runs."""

    definition: ExpectedTest
    active: bool
    tags: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True)
class RegressionTestFilter:
    """What a list of regression tests is narrowed to; None asks for nothing. ASCII case is ignored in texts."""

    active: bool | None = None
    category: str | None = None
    tag: str | None = None
    sample_id: int | None = None

    def matches(self, test: RegressionTest) -> bool:
        """Whether a regression test belongs to the list; one in several categories is found under each of them."""
        return (
            self.active in (None, test.active) and self.sample_id in (None, test.definition.sample_id)
            and is_tagged(test.tags, self.tag)
            and (self.category is None or any(is_named(each, self.category) for each in test.definition.categories)))
