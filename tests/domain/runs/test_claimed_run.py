"""What machines say of the runs that they have claimed, and what a run comes to by it."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.runs.claimed_run import (
    BuildReport,
    Conclusion,
    Ending,
    ReportedError,
    RunEnd,
    RunOutcome,
    RunProgress,
    TestResult,
    concluded,
    given_up,
)
from api.domain.runs.infrastructure import EventOrigin
from api.domain.runs.infrastructure_code import InfrastructureCode, InfrastructureType
from api.domain.runs.run import Phase

NUMBERS = st.integers(-2**31, 2**31 - 1)
ERRORS = st.builds(ReportedError.of, st.sampled_from(InfrastructureCode), st.text(max_size=20))
ENDINGS = st.builds(Ending, NUMBERS, NUMBERS, st.lists(NUMBERS, max_size=3).map(tuple))
LACKING = ReportedError.of(InfrastructureCode.SAMPLE_MISSING, "The sample is not in the store.")
OTHER = ReportedError.of(InfrastructureCode.COMMAND_INVALID, "The command cannot be read.")


@given(st.builds(RunProgress, st.sampled_from(Phase), st.text(max_size=9), st.builds(
    BuildReport, st.none() | st.just("a" * 40), st.none() | NUMBERS)))
def test_progress_is_read_as_it_is_written(progress: RunProgress) -> None:
    assert RunProgress.from_json(progress.as_json()) == progress


@given(st.builds(TestResult, NUMBERS, ENDINGS | ERRORS, st.none() | st.binary(max_size=9)))
def test_a_result_is_read_as_it_is_written(result: TestResult) -> None:
    assert TestResult.from_json(result.as_json()) == result


@given(st.builds(RunEnd, st.sampled_from(RunOutcome), st.none() | ERRORS))
def test_an_end_is_read_as_it_is_written(end: RunEnd) -> None:
    assert RunEnd.from_json(end.as_json()) == end


@pytest.mark.parametrize(("executed", "errors", "conclusion"), [
    (2, [], Conclusion(Phase.COMPLETED, "Executed 2 regression tests.", None)),
    (1, [], Conclusion(Phase.COMPLETED, "Executed 1 of 2 regression tests.", None)),
    (0, [], Conclusion(Phase.COMPLETED, "Executed 0 of 2 regression tests.", None)),
    (1, [LACKING, OTHER], Conclusion(
        Phase.COMPLETED, "Executed 1 of 2 regression tests. The sample is not in the store.",
        EventOrigin(InfrastructureType.STORAGE, code=InfrastructureCode.SAMPLE_MISSING))),
    (0, [OTHER, LACKING], Conclusion(
        Phase.CANCELED, "The command cannot be read.",
        EventOrigin(InfrastructureType.WORKER, code=InfrastructureCode.COMMAND_INVALID)))])
def test_a_run_ends_by_what_was_executed_of_it(executed: int, errors: list[ReportedError], conclusion: Conclusion) -> None:
    assert concluded(executed, 2, errors) == conclusion


def test_a_run_that_was_given_up_has_the_type_that_was_told_whatever_the_words() -> None:
    error = ReportedError.of(InfrastructureCode.MERGE_CONFLICT, "build failed")

    assert given_up(error) == Conclusion(
        Phase.CANCELED, "build failed", EventOrigin(InfrastructureType.MERGE, code=InfrastructureCode.MERGE_CONFLICT))


def test_a_code_belongs_to_one_type() -> None:
    error = LACKING.as_json()

    assert [ReportedError.has_code_of_type(error | {"type": kind}) for kind in (InfrastructureType.STORAGE, "build")] == [True, False]
