"""Infrastructure errors: whose they are, of which type, and that no bare word decides."""
from __future__ import annotations

from datetime import UTC, datetime

import pytest

from api.domain.results.failure import failures_of
from api.domain.results.failure_code import Severity
from api.domain.runs.infrastructure import (
    Coverage,
    EventOrigin,
    classify,
    infrastructure_errors,
    is_deliberate,
    origin_of_report,
)
from api.domain.runs.infrastructure_code import InfrastructureCode, InfrastructureType
from api.domain.runs.run import Phase, ProgressEvent
from tests.domain.results.judging import expected_test, judged, reported
from tests.domain.runs.platform_messages import CANCELS, REPORTS, TROUBLES

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("message", "kind"), [
    ("VM instance provisioning failed: quota exceeded", InfrastructureType.VM_PROVISIONING),
    ("Can't create VM instance", InfrastructureType.VM_PROVISIONING),
    ("GCP VM creation failed", InfrastructureType.VM_PROVISIONING),
    ("Could not create instance linux-12", InfrastructureType.VM_PROVISIONING),
    ("git clone of fork failed", InfrastructureType.CHECKOUT),
    ("Fetching the repository failed", InfrastructureType.CHECKOUT),
    ("Could not check out commit 0632bff", InfrastructureType.CHECKOUT),
    ("Merge conflict with master", InfrastructureType.MERGE),
    ("Unable to merge pull request", InfrastructureType.MERGE),
    ("Merging into master failed", InfrastructureType.MERGE),
    ("Build failed: make error 2", InfrastructureType.BUILD),
    ("Compilation error in dvb.c", InfrastructureType.BUILD),
    ("No build artifact found for this commit", InfrastructureType.BUILD),
    ("make: *** failed", InfrastructureType.BUILD),
    ("disk full on storage", InfrastructureType.STORAGE),
    ("No space left on device", InfrastructureType.STORAGE),
    ("Could not upload the log", InfrastructureType.STORAGE),
    ("Queue timeout", InfrastructureType.QUEUE),
    ("Server answered 502", InfrastructureType.WEB_SERVER),
    ("503 from the platform", InfrastructureType.WEB_SERVER),
    ("worker timeout after 120 minutes", InfrastructureType.WORKER),
    ("something nobody thought of", InfrastructureType.WORKER),
    ("", InfrastructureType.WORKER),
    ("[storage] The worker's host: no space.", InfrastructureType.STORAGE),
    ("  [merge] Conflict in README", InfrastructureType.MERGE),
])
def test_what_was_told_in_free_text_has_the_type_of_its_first_words(message: str, kind: InfrastructureType) -> None:
    assert classify(message) is kind


@pytest.mark.parametrize("message", [
    "stopped while testing branch build-failed", "the file merge conflict.srt was empty", "timed out after git clone of fork failed",
    "[unknown] build failed", "notes on disk full handling", "rebuild failed-tests list", "artifact of a lost worker",
    "build 12 was stopped", "the commit could not be merged", "no answer about required GCP resource",
    "the task failed", "tests ended: PR number 12",
])
def test_a_bare_word_further_on_decides_nothing(message: str) -> None:
    assert classify(message) is InfrastructureType.WORKER


@pytest.mark.parametrize("message", [*CANCELS, "cancelled by user", "Pull request was closed", "Duplicate test", "  PR closed "])
def test_a_cancel_on_purpose_is_told_by_how_the_message_begins(message: str) -> None:
    assert is_deliberate(message)


@pytest.mark.parametrize("message", [
    "The run was canceled by nobody", "Build failed", "all Tests canceled", "Tests canceled due to a merge conflict",
    "PR closeness test failed", "Not running", "Cancelling tests as Github Action(s) failed", "Tests canceled\nby a fault",
])
def test_other_messages_are_no_cancels_on_purpose(message: str) -> None:
    assert not is_deliberate(message)


@pytest.mark.parametrize(("message", "kind"), TROUBLES)
def test_each_trouble_that_the_platform_tells_of_has_its_type(message: str, kind: InfrastructureType) -> None:
    assert [(each.type, each.message) for each in infrastructure_errors([event(message)], {}, [])] == [(kind, message)]


@pytest.mark.parametrize("message", CANCELS)
def test_a_run_that_the_platform_gave_up_on_purpose_has_no_trouble(message: str) -> None:
    assert infrastructure_errors([event(message)], {}, []) == ()


@pytest.mark.parametrize(("phase", "message"), REPORTS)
def test_what_the_platform_says_of_a_run_that_goes_on_is_no_trouble(phase: Phase, message: str) -> None:
    assert infrastructure_errors([event(message, phase)], {}, []) == ()


def event(message: str, phase: Phase = Phase.CANCELED, event_id: int = 3) -> ProgressEvent:
    return ProgressEvent(event_id, phase, AT, message)


def test_only_cancels_that_nobody_asked_for_are_errors() -> None:
    events = [event("Build failed", Phase.TESTING, 1), event("Canceled by ada via API", event_id=2), event("Build failed")]

    errors = infrastructure_errors(events, {}, [])

    assert [(each.key, each.type, each.severity, each.at) for each in errors] == [
        ("event-3", InfrastructureType.BUILD, Severity.CRITICAL, AT)]


def test_what_was_decided_when_an_event_was_written_holds_whatever_its_words() -> None:
    events = [event("Build failed", event_id=1), event("Canceled by a worker's fault", event_id=2)]
    origins = {1: EventOrigin(None), 2: EventOrigin(InfrastructureType.STORAGE, ("line",), InfrastructureCode.DISK_FULL)}

    errors = infrastructure_errors(events, origins, [])

    assert [(each.key, each.type, each.code, each.stack) for each in errors] == [
        ("event-2", InfrastructureType.STORAGE, InfrastructureCode.DISK_FULL, ("line",))]


def test_the_tag_of_a_message_is_not_shown() -> None:
    assert infrastructure_errors([event("[build] No executable.")], {}, [])[0].message == "No executable."


def test_tests_that_hit_a_limit_are_the_workers_errors_too() -> None:
    test = expected_test()

    errors = infrastructure_errors([], {}, failures_of(judged(test, reported(test, exit_code=137, o5=None))))

    assert [(each.type, each.failure and each.failure.regression_id, each.at) for each in errors] == [(InfrastructureType.WORKER, 1, None)]


def test_a_crash_is_no_error_of_the_machinery() -> None:
    test = expected_test()

    assert infrastructure_errors([], {}, failures_of(judged(test, reported(test, exit_code=139, o5=None)))) == ()


def test_a_workers_cancel_has_its_type_decided_as_it_is_written() -> None:
    assert origin_of_report(Phase.CANCELED, "[checkout] gone") == EventOrigin(InfrastructureType.CHECKOUT)
    assert origin_of_report(Phase.COMPLETED, "[checkout] gone") is None


@pytest.mark.parametrize("words", ["Executed 1 of 2 regression tests. The disk failed to build.", ""])
def test_an_end_without_all_results_is_of_the_type_that_was_told_with_it(words: str) -> None:
    end = event(words, phase=Phase.COMPLETED)

    origin = EventOrigin(InfrastructureType.STORAGE, code=InfrastructureCode.SAMPLE_MISSING)
    told = infrastructure_errors([end], {end.event_id: origin}, [], Coverage(1, 2))

    assert [(each.key, each.type, each.code) for each in told] == [
        ("unexecuted", InfrastructureType.STORAGE, InfrastructureCode.SAMPLE_MISSING)]
