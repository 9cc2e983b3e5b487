"""Why tests of a finished run were not executed."""
from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from api.domain.results.result import JudgedTest, Verdict
from api.domain.runs.infrastructure import EventOrigin, end_origin
from api.domain.runs.infrastructure_code import InfrastructureType
from api.domain.runs.run import Phase, ProgressEvent


class SkipReason(StrEnum):
    """Why a test was not executed; what failed where something did, `inactive` where its definition is no longer in use."""

    WORKER_ENDED = "worker_ended"
    NEVER_STARTED = "never_started"
    CANCELED = "canceled"
    INACTIVE = "inactive"
    QUEUE_FAILED = "queue_failed"
    VM_PROVISIONING_FAILED = "vm_provisioning_failed"
    CHECKOUT_FAILED = "checkout_failed"
    MERGE_FAILED = "merge_failed"
    BUILD_FAILED = "build_failed"
    WEB_SERVER_FAILED = "web_server_failed"
    STORAGE_FAILED = "storage_failed"


@dataclass(frozen=True, slots=True)
class SkippedTest:
    """A test of the run's set that has no result, and why."""

    judged: JudgedTest
    reason: SkipReason


def skipped_tests(
    judged: Iterable[JudgedTest], events: Sequence[ProgressEvent], origins: Mapping[int, EventOrigin], active: Collection[int],
) -> tuple[SkippedTest, ...]:
    """The tests that were not executed in a run that is over, in the order of its set. `active` are the ids in use now."""
    skipped = [test for test in judged if test.verdict is Verdict.SKIPPED]
    if not skipped:
        return ()
    reason = reason_of_end(events, origins)
    # Workers are not given what is not in use, so of a worker that came to its end nothing else is to be told.
    told = reason is SkipReason.WORKER_ENDED and events[-1].phase is Phase.COMPLETED
    return tuple(
        SkippedTest(test, SkipReason.INACTIVE if told and test.test.regression_id not in active else reason) for test in skipped)


def reason_of_end(events: Sequence[ProgressEvent], origins: Mapping[int, EventOrigin]) -> SkipReason:
    """Why the rest of a run, which is over, was not executed."""
    kind = end_origin(events[-1], origins).type
    if kind is None:
        return SkipReason.CANCELED
    if kind is not InfrastructureType.WORKER:
        return SkipReason(f"{kind.value}_failed")
    began = events[-1].phase is Phase.COMPLETED or any(event.phase is Phase.TESTING for event in events)
    return SkipReason.WORKER_ENDED if began else SkipReason.NEVER_STARTED
