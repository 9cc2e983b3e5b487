"""The counts of a run, from its verdicts."""
from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from api.domain.results.failure import failures_in
from api.domain.results.result import JudgedTest, Verdict
from api.domain.runs.infrastructure import InfrastructureError


@dataclass(frozen=True, slots=True)
class Summary:
    """How the expected tests of a run fared; the first five counts add up to `total_samples`."""

    total_samples: int
    pass_count: int
    fail_count: int
    missing_output_count: int
    skipped_count: int
    pending_count: int
    error_count: int
    infrastructure_error_count: int


def summarize(judged: Collection[JudgedTest], infrastructure: Collection[InfrastructureError]) -> Summary:
    """Count the verdicts, the tests' errors and the infrastructure's."""
    counts = Counter(test.verdict for test in judged)
    return Summary(
        total_samples=len(judged),
        pass_count=counts[Verdict.PASS],
        fail_count=counts[Verdict.FAIL],
        missing_output_count=counts[Verdict.MISSING_OUTPUT],
        skipped_count=counts[Verdict.SKIPPED],
        pending_count=counts[Verdict.RUNNING] + counts[Verdict.NOT_STARTED],
        error_count=len(failures_in(judged)),
        infrastructure_error_count=len(infrastructure),
    )
