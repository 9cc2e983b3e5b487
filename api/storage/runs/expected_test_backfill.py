"""Reconstructs the expected tests of runs that finished before this server first saw them."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from api.domain.results.result import TestReports
from api.domain.runs.expected_tests import ExpectedTests
from api.storage.catalog.regression_tests import load_definitions
from api.storage.runs.expected_tests import customized_tests_of, load_expected_tests, save_expected_tests

Baselines = frozenset[tuple[tuple[int, int], str]]


@dataclass(frozen=True, slots=True)
class StoredExpectedTests:
    """A frozen set and its id."""

    set_id: int
    expected: ExpectedTests


@dataclass
class _ExpectedTestsBackfill:
    """Makes sets of expected tests from today's definitions. Runs with the same tests and the same baselines share one stored set."""

    definitions: ExpectedTests
    today: Mapping[tuple[int, int], str] = field(init=False)
    made: dict[tuple[frozenset[int], Baselines], StoredExpectedTests] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.today = {
            (test.regression_id, output.output_id): output.baseline
            for test in self.definitions.tests for output in test.outputs}

    def find(self, chosen: frozenset[int], reports: Mapping[int, TestReports]) -> StoredExpectedTests:
        """Store the set of these tests, with the baselines that the run's rows recorded, unless it was stored before."""
        recorded = {
            (regression_id, output_id): output.expected
            for regression_id, reported in reports.items() for output_id, output in reported.outputs.items()}
        other = {place: digest for place, digest in recorded.items() if digest and self.today.get(place, digest) != digest}
        key = (chosen, frozenset(other.items()))
        if key not in self.made:
            expected = self.definitions.only(chosen).with_baselines(other)
            self.made[key] = StoredExpectedTests(save_expected_tests(expected), expected)
        return self.made[key]


def find_expected_tests(
    stored: Mapping[int, int | None], reports: Mapping[int, Mapping[int, TestReports]],
) -> dict[int, StoredExpectedTests]:
    """Within a transaction: find the sets of these runs, by run id.

    `stored` maps each run id to the id of its frozen set, or to None. For a run without a set one is made: of the tests that it
    was restricted to, or else of the tests that reported a result. The baselines are those that its rows recorded.
    """
    known = {set_id: StoredExpectedTests(set_id, load_expected_tests(set_id)) for set_id in set(stored.values()) if set_id is not None}
    unknown = [run_id for run_id, set_id in stored.items() if set_id is None]
    found = {run_id: known[set_id] for run_id, set_id in stored.items() if set_id is not None}
    if unknown:
        customized, past = customized_tests_of(unknown), _ExpectedTestsBackfill(load_definitions())
        for run_id in unknown:
            found[run_id] = past.find(customized.get(run_id) or _reported(reports[run_id]), reports[run_id])
    return found


def _reported(reports: Mapping[int, TestReports]) -> frozenset[int]:
    return frozenset(regression_id for regression_id, reported in reports.items() if reported.report is not None)
