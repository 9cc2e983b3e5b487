"""Why tests were not executed: by how the run ended."""
from __future__ import annotations

from datetime import UTC, datetime

import pytest

from api.domain.results.failure_code import Severity
from api.domain.results.result import judge
from api.domain.runs.expected_tests import ExpectedTests
from api.domain.runs.infrastructure import Coverage, EventOrigin, infrastructure_errors
from api.domain.runs.infrastructure_code import InfrastructureType
from api.domain.runs.run import Phase, ProgressEvent
from api.domain.runs.unexecuted import SkipReason, skipped_tests
from api.domain.text.tail import last_error_line
from tests.domain.results.judging import expected_test, reported

AT = datetime(2026, 1, 1, tzinfo=UTC)


def ended(phase: Phase, message: str = "", *, testing: bool = True) -> tuple[ProgressEvent, ...]:
    begun = [ProgressEvent(1, Phase.PREPARATION, AT, ""), *([ProgressEvent(2, Phase.TESTING, AT, "")] if testing else [])]
    return (*begun, ProgressEvent(3, phase, AT, message))


@pytest.mark.parametrize(("events", "reason"), [
    (ended(Phase.COMPLETED), SkipReason.WORKER_ENDED),
    (ended(Phase.COMPLETED, "Executed 1 of 2 regression tests. [storage] The sample is not in the store."), SkipReason.STORAGE_FAILED),
    (ended(Phase.COMPLETED, "[storage] whatever"), SkipReason.WORKER_ENDED),
    (ended(Phase.CANCELED, "Canceled by ada via API"), SkipReason.CANCELED),
    (ended(Phase.CANCELED, "PR closed"), SkipReason.CANCELED),
    (ended(Phase.CANCELED, "[worker] The worker was lost."), SkipReason.WORKER_ENDED),
    (ended(Phase.CANCELED, "[worker] The worker was lost.", testing=False), SkipReason.NEVER_STARTED),
    (ended(Phase.CANCELED, "something", testing=False), SkipReason.NEVER_STARTED),
    *((ended(Phase.CANCELED, f"[{kind}] words", testing=False), SkipReason(f"{kind}_failed"))
      for kind in InfrastructureType if kind is not InfrastructureType.WORKER)])
def test_a_test_was_not_executed_for_what_ended_the_run(events: tuple[ProgressEvent, ...], reason: SkipReason) -> None:
    tests = [expected_test(1), expected_test(2)]
    judged = judge(ExpectedTests.of(tests), {1: reported(tests[0], o5=None)}, events[-1].phase)

    skipped = skipped_tests(judged, events, {}, {1, 2})

    assert [(each.judged.test.regression_id, each.reason) for each in skipped] == [(2, reason)]


def test_where_an_event_came_from_counts_more_than_its_words() -> None:
    events = ended(Phase.CANCELED, "build failed")
    judged = judge(ExpectedTests.of([expected_test(1)]), {}, Phase.CANCELED)

    reasons = [skipped_tests(judged, events, {3: EventOrigin(kind)}, {1})[0].reason for kind in (None, InfrastructureType.STORAGE)]

    assert reasons == [SkipReason.CANCELED, SkipReason.STORAGE_FAILED]


def test_a_test_that_is_not_in_use_is_not_given_to_a_worker_that_came_to_its_end() -> None:
    judged = judge(ExpectedTests.of([expected_test(1), expected_test(2)]), {}, Phase.COMPLETED)

    completed = [each.reason for each in skipped_tests(judged, ended(Phase.COMPLETED), {}, {2})]
    canceled = [each.reason for each in skipped_tests(judged, ended(Phase.CANCELED, "Canceled by ada"), {}, {2})]

    assert completed == [SkipReason.INACTIVE, SkipReason.WORKER_ENDED]
    assert canceled == [SkipReason.CANCELED] * 2


def test_a_run_that_completed_without_all_results_has_an_infrastructure_error_that_says_so() -> None:
    (error,) = infrastructure_errors(ended(Phase.COMPLETED), {}, [], Coverage(4, 24))

    assert (error.key, error.type, error.severity) == ("unexecuted", InfrastructureType.WORKER, Severity.CRITICAL)
    assert (error.message, error.at, error.coverage) == ("The worker ended after 4 of 24 tests.", AT, Coverage(4, 24))


@pytest.mark.parametrize("coverage", [None, Coverage(24, 24), Coverage(0, 0)])
def test_a_run_that_lacks_nothing_has_none(coverage: Coverage | None) -> None:
    assert infrastructure_errors(ended(Phase.COMPLETED), {}, [], coverage) == ()


def test_a_run_that_trouble_canceled_has_one_error_which_also_says_how_far_it_came() -> None:
    (error,) = infrastructure_errors(ended(Phase.CANCELED, "[build] It failed."), {}, [], Coverage(0, 24))

    assert (error.type, error.message, error.coverage) == (InfrastructureType.BUILD, "It failed.", Coverage(0, 24))


def test_a_run_that_somebody_canceled_has_none() -> None:
    assert infrastructure_errors(ended(Phase.CANCELED, "Canceled by ada"), {}, [], Coverage(0, 24)) == ()


@pytest.mark.parametrize(("text", "line"), [
    ("", None), ("[INFO] fine\nmore", None), ("[ERROR] first\n[ERROR] second\nrest\n", "[ERROR] second"),
    ("fatal error: gone\nbye", "fatal error: gone"), ("\x1b[31;1merror: \x1b[0mgone\r\nbye", "error: gone")])
def test_the_last_error_of_a_log_is_its_last_line_of_that_level(text: str, line: str | None) -> None:
    assert last_error_line(text) == line


def test_of_a_run_whose_tests_all_have_results_nothing_was_left_out() -> None:
    test = expected_test(1)
    judged = judge(ExpectedTests.of([test]), {1: reported(test, o5=None)}, Phase.COMPLETED)

    assert skipped_tests(judged, ended(Phase.COMPLETED), {}, {1}) == ()
