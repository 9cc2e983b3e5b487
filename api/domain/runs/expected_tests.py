"""What a run is to execute and is judged by, frozen when the run is made."""
from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

NO_CATEGORY = "uncategorized"


@dataclass(frozen=True, slots=True)
class ExpectedOutput:
    """One output of a regression test: the baseline's SHA-256 and the other hashes that are as good.

    `extension` carries its dot; `suffix` is what follows the sample's hash in the expected file's name.
    """

    output_id: int
    baseline: str
    extension: str
    suffix: str
    ignored: bool
    acceptable: tuple[str, ...] = ()

    @property
    def has_baseline(self) -> bool:
        """Whether there is anything to compare with; a baseline whose file is in no store is one for all that."""
        return bool(self.baseline.strip())

    def accepts(self, digest: str) -> bool:
        """Whether an output with this hash is as good as the baseline."""
        casefolded = digest.lower()
        return casefolded == self.baseline.lower() or any(casefolded == other.lower() for other in self.acceptable)


@dataclass(frozen=True, slots=True)
class ExpectedTest:
    """One regression test as a run is to execute it; `categories` are ordered by their id."""

    regression_id: int
    sample_id: int
    sample_sha: str
    sample_extension: str
    command: str
    input_type: str
    output_type: str
    expected_exit_code: int
    categories: tuple[str, ...] = ()
    outputs: tuple[ExpectedOutput, ...] = ()

    @property
    def category(self) -> str:
        """The first category, under which the test is executed and shown."""
        return self.categories[0] if self.categories else NO_CATEGORY

    @property
    def required_outputs(self) -> tuple[ExpectedOutput, ...]:
        """The outputs that must be produced."""
        return tuple(output for output in self.outputs if not output.ignored)

    def output(self, output_id: int) -> ExpectedOutput | None:
        """The output of this id, or None where the test has no such output."""
        return next((output for output in self.outputs if output.output_id == output_id), None)


TEST_FIELDS = tuple(field.name for field in fields(ExpectedTest))
OUTPUT_FIELDS = tuple(field.name for field in fields(ExpectedOutput))


@dataclass(frozen=True)
class ExpectedTests:
    """The regression tests of a run, ordered by id. Equal sets have equal digests, so that one copy serves many runs."""

    tests: tuple[ExpectedTest, ...]

    @classmethod
    def of(cls, tests: Iterable[ExpectedTest]) -> ExpectedTests:
        """The set of these tests, in their canonical order."""
        return cls(tuple(sorted(tests, key=lambda test: test.regression_id)))

    @cached_property
    def by_id(self) -> Mapping[int, ExpectedTest]:
        """The tests by regression id."""
        return {test.regression_id: test for test in self.tests}

    @property
    def regression_ids(self) -> tuple[int, ...]:
        """The ids of the tests, ascending."""
        return tuple(test.regression_id for test in self.tests)

    def only(self, regression_ids: Iterable[int]) -> ExpectedTests:
        """The part of the set with these ids."""
        wanted = set(regression_ids)
        return ExpectedTests(tuple(test for test in self.tests if test.regression_id in wanted))

    def with_baselines(self, recorded: Mapping[tuple[int, int], str]) -> ExpectedTests:
        """The set with the baselines that a finished run recorded, by (regression id, output id), in place of today's."""
        return ExpectedTests(tuple(_with_baselines(test, recorded) for test in self.tests))

    def serialized(self) -> str:
        """The canonical JSON text of the set; the same set always gives the same text."""
        return json.dumps([_values_of(test) for test in self.tests], sort_keys=True, separators=(",", ":"), ensure_ascii=True)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the canonical text."""
        return hashlib.sha256(self.serialized().encode()).hexdigest()


def _with_baselines(test: ExpectedTest, recorded: Mapping[tuple[int, int], str]) -> ExpectedTest:
    found = [recorded.get((test.regression_id, output.output_id)) or output.baseline for output in test.outputs]
    if all(baseline == output.baseline for baseline, output in zip(found, test.outputs, strict=True)):
        return test
    changed = (replace(output, baseline=baseline) for baseline, output in zip(found, test.outputs, strict=True))
    return replace(test, outputs=tuple(changed))


def _values_of(test: ExpectedTest) -> dict[str, Any]:
    # `dataclasses.asdict` would copy every value deeply, which is most of the time that adopting a large database takes.
    values = {name: getattr(test, name) for name in TEST_FIELDS}
    return {**values, "outputs": [{name: getattr(output, name) for name in OUTPUT_FIELDS} for output in test.outputs]}


def parse_expected_tests(text: str) -> ExpectedTests:
    """Read what `ExpectedTests.serialized` wrote."""
    return ExpectedTests(tuple(_parse_test(entry) for entry in json.loads(text)))


def _parse_test(entry: dict[str, Any]) -> ExpectedTest:
    outputs = tuple(ExpectedOutput(**{**output, "acceptable": tuple(output["acceptable"])}) for output in entry["outputs"])
    return ExpectedTest(**{**entry, "categories": tuple(entry["categories"]), "outputs": outputs})
