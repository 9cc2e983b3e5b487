"""The results of a run's samples: filters, and what is shown of each."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from api.domain.catalog.sample import UNLABELLED, SampleLabel, is_named, is_tagged
from api.domain.results.failure import failures_of, message_of
from api.domain.results.result import JudgedTest, OutputReport, OutputStatus, Verdict, differing_hash, output_status, produced_hash
from api.domain.runs.expected_tests import NO_CATEGORY, ExpectedOutput, ExpectedTest
from api.domain.text.casefold import contains


@dataclass(frozen=True, slots=True)
class RunSampleFilter:
    """What the results of a run are narrowed to; None asks for nothing. ASCII case is ignored in texts."""

    status: Verdict | None = None
    name: str | None = None
    tag: str | None = None
    category: str | None = None

    def matches(self, judged: JudgedTest, label: SampleLabel) -> bool:
        """Whether a result belongs to the list; a test in several categories is found under each of them."""
        return (
            self.status in (None, judged.verdict) and contains(label.name, self.name) and is_tagged(label.tags, self.tag)
            and (self.category is None or any(is_named(each, self.category) for each in categories_of(judged.test))))


@dataclass(frozen=True, slots=True)
class ShownOutput:
    """One output of a result: its status, the baseline's hash and, where a file was produced that is not the baseline, that file's."""

    output_id: int
    status: OutputStatus
    expected_hash: str
    actual_hash: str | None

    @property
    def is_proposed(self) -> bool:
        """Whether a file was produced for which there is no baseline yet, so that it may become the first."""
        return self.status is OutputStatus.MISSING_EXPECTED and self.actual_hash is not None


def categories_of(test: ExpectedTest) -> tuple[str, ...]:
    """The categories of a test by name; `uncategorized` for none."""
    return tuple(sorted(test.categories)) or (NO_CATEGORY,)


def select_tests(
    judged: Iterable[JudgedTest], wanted: RunSampleFilter, labels: Mapping[int, SampleLabel],
) -> tuple[JudgedTest, ...]:
    """The results of a list, in their order; `labels` are by sample id."""
    return tuple(test for test in judged if wanted.matches(test, labels.get(test.test.sample_id, UNLABELLED)))


def shown_outputs(judged: JudgedTest) -> tuple[ShownOutput, ...]:
    """The outputs that must be produced, by id; while the test has not ended, those that have come, since any other still may."""
    has_ended, came = judged.reports.report is not None, judged.reports.outputs
    return tuple(
        _shown_output(output, came.get(output.output_id))
        for output in sorted(judged.test.required_outputs, key=lambda each: each.output_id)
        if has_ended or produced_hash(output, came.get(output.output_id)) is not None)


def _shown_output(output: ExpectedOutput, row: OutputReport | None) -> ShownOutput:
    return ShownOutput(output.output_id, output_status(output, row), output.baseline.lower(), differing_hash(output, row))


def result_message(judged: JudgedTest) -> str | None:
    """Why a test failed, in our own words, reason after reason; None for any other verdict."""
    return " ".join(message_of(failure) for failure in failures_of(judged)) or None
