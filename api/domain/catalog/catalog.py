"""All samples and regression tests, as they were at one moment."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from api.domain.catalog.regression_test import RegressionTest, RegressionTestFilter
from api.domain.catalog.sample import Sample, SampleFilter, SampleLabel
from api.domain.runs.expected_tests import ExpectedTests


@dataclass(frozen=True)
class Catalog:
    """The samples and the regression tests, active or not; each by id, ascending."""

    samples: tuple[Sample, ...]
    tests: tuple[RegressionTest, ...]

    @cached_property
    def samples_by_id(self) -> Mapping[int, Sample]:
        """The samples by their id."""
        return {sample.sample_id: sample for sample in self.samples}

    @cached_property
    def labels(self) -> Mapping[int, SampleLabel]:
        """What the samples are found by, by their id."""
        return {sample.sample_id: SampleLabel(sample.name, sample.tags) for sample in self.samples}

    @cached_property
    def definitions(self) -> ExpectedTests:
        """What the regression tests say now of how they are executed and judged."""
        return ExpectedTests(tuple(test.definition for test in self.tests))

    @cached_property
    def used_samples(self) -> frozenset[int]:
        """The ids of the samples that active regression tests use."""
        return frozenset(test.definition.sample_id for test in self.tests if test.active)

    def find_samples(self, wanted: SampleFilter) -> Sequence[Sample]:
        """The samples of a list, in their order."""
        if wanted == SampleFilter():
            return self.samples
        used = self.used_samples
        return [sample for sample in self.samples if wanted.matches(sample, is_used=sample.sample_id in used)]

    def find_tests(self, wanted: RegressionTestFilter) -> Sequence[RegressionTest]:
        """The regression tests of a list, in their order."""
        if wanted == RegressionTestFilter():
            return self.tests
        return [test for test in self.tests if wanted.matches(test)]
